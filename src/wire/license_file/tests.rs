//! Tests of the license file: one form, and nothing else is taken.

use super::*;
use crate::model::count::{COUNT_MAX, LicenseCount};
use crate::model::license::{LicenseTerms, MOMENT_MAX, Metric};
use crate::model::time::Timestamp;
use proptest::prelude::*;

fn license() -> License {
    License::try_from(LicenseTerms {
        serial: "S-2026-0117".parse().unwrap(),
        vendor: "Muster Söftware AG".to_string(),
        product: "cad".parse().unwrap(),
        count: LicenseCount(250),
        metric: Metric::ManagedDevices,
        not_before: Timestamp(1_767_225_600_000),
        not_after: Some(Timestamp(1_798_761_600_500)),
        note: "for: all sites".to_string(),
    })
    .unwrap()
}

fn key() -> VendorKey {
    VendorKey::generate().unwrap()
}

/// A file around any field lines, properly signed: what a careless vendor could issue.
fn signed(fields: &str, key: &VendorKey) -> String {
    let mut file = format!("lictree license 1\n{fields}key: {}\n", key.public().id());
    let signature = STANDARD.encode(key.sign(file.as_bytes()));
    file.push_str(&format!("signature: {signature}\n"));
    file
}

const FIELDS: &str = "serial: S-1\nvendor: V\nproduct: cad\ncount: 5\nmetric: sessions\n\
                      not-before: 2026-01-01T00:00:00Z\nnot-after: never\n";

fn outcome_of(fields: &str) -> Result<License, LicenseFileError> {
    let key = key();
    open(signed(fields, &key).as_bytes(), &[key.public()])
}

#[test]
fn a_file_reads_like_its_description() {
    let key = key();
    let file = issue(&license(), &key);
    let id = key.public().id();
    let expected = format!(
        "lictree license 1\nserial: S-2026-0117\nvendor: Muster Söftware AG\nproduct: cad\n\
         count: 250\nmetric: managed-devices\nnot-before: 2026-01-01T00:00:00Z\n\
         not-after: 2027-01-01T00:00:00.5Z\nnote: for: all sites\nkey: {id}\nsignature: "
    );
    assert_eq!(file[..expected.len()], expected);
    assert_eq!(open(file.as_bytes(), &[key.public()]), Ok(license()));
    assert_eq!(issue(&license(), &key), file);
    assert!(outcome_of(FIELDS).is_ok());
}

#[test]
fn every_flipped_bit_is_seen() {
    let key = key();
    let file = issue(&license(), &key).into_bytes();
    for bit in 0..file.len() * 8 {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&flipped, &[key.public()]).is_err(), "bit {bit} was not seen");
    }
}

#[test]
fn every_cut_is_seen() {
    let key = key();
    let file = issue(&license(), &key);
    for end in 0..file.len() {
        assert!(open(&file.as_bytes()[..end], &[key.public()]).is_err(), "cut at {end} taken");
    }
    let longer = format!("{file}\n");
    assert_eq!(
        open(longer.as_bytes(), &[key.public()]),
        Err(LicenseFileError::Damaged(Damage::NoSignature))
    );
}

#[test]
fn only_a_trusted_key_counts() {
    let (ours, theirs) = (key(), key());
    let file = issue(&license(), &theirs);
    let trusted = [ours.public()];
    let id = theirs.public().id();
    assert_eq!(open(file.as_bytes(), &trusted), Err(LicenseFileError::UntrustedKey(id)));
    assert_eq!(open(file.as_bytes(), &[]), Err(LicenseFileError::UntrustedKey(id)));
    assert!(open(file.as_bytes(), &[ours.public(), theirs.public()]).is_ok());

    // Signed with the wrong key under the right name, and fields nobody may look at before.
    let ours_id = ours.public().id();
    let mut forged = format!("lictree license 1\nnonsense\nkey: {ours_id}\n");
    let signature = STANDARD.encode(theirs.sign(forged.as_bytes()));
    forged.push_str(&format!("signature: {signature}\n"));
    assert_eq!(open(forged.as_bytes(), &trusted), Err(LicenseFileError::Forged(ours_id)));

    let raised = issue(&license(), &ours).replace("count: 250", "count: 999");
    assert_eq!(open(raised.as_bytes(), &trusted), Err(LicenseFileError::Forged(ours_id)));
}

#[test]
fn what_is_no_license_file_is_told_apart() {
    let key = key();
    let trusted = [key.public()];
    let file = issue(&license(), &key);
    let refusal = |text: &str| open(text.as_bytes(), &trusted).unwrap_err();
    assert_eq!(refusal(""), LicenseFileError::NotALicenseFile);
    assert_eq!(refusal("SERVER host 0123456789ab 27000"), LicenseFileError::NotALicenseFile);
    assert_eq!(refusal(&format!("\u{feff}{file}")), LicenseFileError::NotALicenseFile);
    assert_eq!(refusal(&file.replace('\n', "\r\n")), LicenseFileError::LineEnds);
    assert_eq!(
        refusal(&file.replace("license 1", "license 2")),
        LicenseFileError::OtherFormat("2".to_string())
    );
    let one_over = "x".repeat(LICENSE_FILE_LEN_MAX + 1);
    assert_eq!(refusal(&one_over), LicenseFileError::TooLarge(LICENSE_FILE_LEN_MAX + 1));
    let at_limit = "x".repeat(LICENSE_FILE_LEN_MAX);
    assert_eq!(refusal(&at_limit), LicenseFileError::NotALicenseFile);
    let no_key = file.replace("key: ", "kex: ");
    assert_eq!(refusal(&no_key), LicenseFileError::Damaged(Damage::NoKey));
    let bare = format!("lictree license 1\nsignature: {}\n", STANDARD.encode([0; 64]));
    assert_eq!(refusal(&bare), LicenseFileError::Damaged(Damage::NoKey));
    let only_key = format!("key: {}\nsignature: {}\n", key.public().id(), STANDARD.encode([0; 64]));
    assert_eq!(refusal(&only_key), LicenseFileError::NotALicenseFile);
}

#[test]
fn signed_nonsense_is_refused_by_field() {
    let refusal = |from: &str, to: &str| outcome_of(&FIELDS.replace(from, to)).unwrap_err();
    let name = "colour".to_string();
    assert_eq!(
        refusal("not-after", "colour: red\nnot-after"),
        LicenseFileError::UnknownField { line: 8, name }
    );
    assert_eq!(
        refusal("count: 5", "count: 5\ncount: 9"),
        LicenseFileError::DuplicateField { line: 6, name: "count" }
    );
    assert_eq!(refusal("vendor: V\n", ""), LicenseFileError::MissingField("vendor"));
    assert_eq!(refusal("vendor: V\n", "\n"), LicenseFileError::NotAField { line: 3 });
    assert_eq!(
        refusal("count: 5", "count: 0"),
        LicenseFileError::Terms(LicenseError::Count(LicenseCount(0)))
    );
    let over = COUNT_MAX.0 + 1;
    assert_eq!(
        refusal("count: 5", &format!("count: {over}")),
        LicenseFileError::Terms(LicenseError::Count(LicenseCount(over)))
    );
    assert!(matches!(refusal("count: 5", "count: -5"), LicenseFileError::Count(_)));
    assert!(matches!(refusal("cad", "CAD"), LicenseFileError::Product(_)));
    assert!(matches!(refusal("never", "soon"), LicenseFileError::Moment { .. }));
    assert!(matches!(refusal("2026-01-01", "1969-01-01"), LicenseFileError::Moment { .. }));
    assert!(matches!(
        refusal("never", "2025-01-01T00:00:00Z"),
        LicenseFileError::Terms(LicenseError::DatesReversed { .. })
    ));
    assert!(matches!(
        refusal("vendor: V", "vendor: V\u{1b}[2J"),
        LicenseFileError::Terms(LicenseError::NotOneLine { field: "vendor", .. })
    ));
}

#[test]
fn there_is_one_form_only() {
    let refusal = |from: &str, to: &str| outcome_of(&FIELDS.replace(from, to)).unwrap_err();
    let mut seen = vec![refusal("count: 5", "count: 05"), refusal("count: 5", "count: +5")];
    seen.push(refusal("00:00:00Z", "00:00:00.000Z"));
    seen.push(refusal("00:00:00Z", "00:00:00.0001Z"));
    seen.push(refusal("00:00:00Z", "01:00:00+01:00"));
    seen.push(refusal("never\n", "never\nnote: \n"));
    seen.push(refusal("serial: S-1\nvendor: V\n", "vendor: V\nserial: S-1\n"));
    assert_eq!(seen, vec![LicenseFileError::NotCanonical; 7]);
}

#[test]
fn the_largest_license_fits() {
    let largest = License::try_from(LicenseTerms {
        serial: "s".repeat(64).parse().unwrap(),
        vendor: "v".repeat(255),
        product: "p".repeat(63).parse().unwrap(),
        count: COUNT_MAX,
        metric: Metric::ManagedDevices,
        not_before: Timestamp(0),
        not_after: Some(MOMENT_MAX),
        note: "n".repeat(1_000),
    })
    .unwrap();
    let key = key();
    let file = issue(&largest, &key);
    assert!(file.contains("not-after: 9998-12-31T23:59:59.999Z\n"));
    assert!(file.len() < 4_096);
    assert_eq!(open(file.as_bytes(), &[key.public()]), Ok(largest));
}

proptest! {
    #[test]
    fn any_license_comes_back(
        serial in "[A-Za-z0-9-]{1,64}",
        vendor in "[a-zA-Zäöü:<>\"]{1,40}",
        count in 1..=COUNT_MAX.0,
        begin in 0..MOMENT_MAX.0,
        length in proptest::option::of(1..=1_000_000_000u64),
        note in "|[a-z:]{1,20}",
    ) {
        let license = License::try_from(LicenseTerms {
            serial: serial.parse().unwrap(),
            vendor,
            product: "cad".parse().unwrap(),
            count: LicenseCount(count),
            metric: Metric::Sessions,
            not_before: Timestamp(begin),
            not_after: length.map(|ms| Timestamp((begin + ms).min(MOMENT_MAX.0))),
            note,
        }).unwrap();
        let key = key();
        let file = issue(&license, &key);
        prop_assert_eq!(open(file.as_bytes(), &[key.public()]), Ok(license));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(open(&bytes, &[]).is_err());
    }

    /// Arbitrary lines behind a right title, and signed: what reaches the fields.
    #[test]
    fn arbitrary_signed_lines_never_panic(fields in "([a-z-]{0,8}[: ]{0,2}\\PC{0,12}\n){0,9}") {
        let key = key();
        let _ = open(signed(&fields, &key).as_bytes(), &[key.public()]);
    }

    #[test]
    fn arbitrary_fields_never_panic(text in "\\PC{0,80}") {
        let _ = fields::read(&text);
    }
}
