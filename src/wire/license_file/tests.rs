//! Tests of the license file: one form, and nothing else is taken.

use super::*;
use crate::model::count::{COUNT_MAX, LicenseCount};
use crate::model::license::{CONFIRM_WITHIN_DAYS_MAX, LicenseTerms, MOMENT_MAX, Metric};
use crate::model::time::Timestamp;
use crate::record::arbitrary::outside::any_license;
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
        tree: None,
        server: None,
        confirm_within_days: None,
        note: "for: all sites".to_string(),
    })
    .unwrap()
}

/// The same for one server alone.
fn bound() -> License {
    License::try_from(LicenseTerms {
        tree: Some("acme".parse().unwrap()),
        server: Some("site-7".parse().unwrap()),
        confirm_within_days: Some(30),
        ..license().into()
    })
    .unwrap()
}

fn key() -> VendorKey {
    VendorKey::generate().unwrap()
}

/// With trusted keys alone.
fn open(bytes: &[u8], trusted: &[VendorPublicKey]) -> Result<License, LicenseFileError> {
    let keys = VendorKeys { trusted: trusted.to_vec(), retired: Vec::new() };
    super::open(bytes, &keys)
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
fn what_a_license_is_bound_to_stands_before_the_note() {
    let key = key();
    let file = issue(&bound(), &key);
    let expected = "not-after: 2027-01-01T00:00:00.5Z\ntree: acme\nserver: site-7\n\
                    confirm-within-days: 30\nnote: for: all sites\nkey: ";
    assert!(file.contains(expected), "{file}");
    assert_eq!(open(file.as_bytes(), &[key.public()]), Ok(bound()));
    let tree_alone = outcome_of(&FIELDS.replace("never\n", "never\ntree: acme\n")).unwrap();
    assert_eq!((tree_alone.tree.clone(), tree_alone.server.clone()), (bound().tree.clone(), None));
}

#[test]
fn every_flipped_bit_is_seen() {
    let key = key();
    let file = issue(&bound(), &key).into_bytes();
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
fn a_retired_key_is_told_from_an_unknown_and_from_a_forged_one() {
    let (ours, old, other) = (key(), key(), key());
    let keys = VendorKeys { trusted: vec![ours.public()], retired: vec![old.public()] };
    let opened = |file: &str| super::open(file.as_bytes(), &keys);
    let id = old.public().id();
    let file = issue(&license(), &old);
    assert_eq!(opened(&file), Err(LicenseFileError::RetiredKey(id)));
    let raised = file.replace("count: 250", "count: 999");
    assert_eq!(opened(&raised), Err(LicenseFileError::Forged(id)));
    assert_eq!(opened(&issue(&license(), &ours)), Ok(license()));
    let unknown = LicenseFileError::UntrustedKey(other.public().id());
    assert_eq!(opened(&issue(&license(), &other)), Err(unknown));
}

#[test]
fn whoever_looks_sees_what_stands_there_and_what_it_is_worth() {
    let (ours, theirs) = (key(), key());
    let file = issue(&bound(), &ours);
    let seen = |file: &str, keys: &[VendorPublicKey]| {
        let found = inspect(file.as_bytes(), keys).unwrap();
        assert_eq!((&found.license.serial, found.key), (&bound().serial, ours.public().id()));
        (found.license.count.0, found.proof)
    };
    assert_eq!(seen(&file, &[]), (250, None));
    assert_eq!(seen(&file, &[theirs.public()]), (250, Some(Proof::OtherKey)));
    let both = [theirs.public(), ours.public()];
    assert_eq!(seen(&file, &both), (250, Some(Proof::Genuine)));
    let raised = file.replace("count: 250", "count: 999");
    assert_eq!(seen(&raised, &both), (999, Some(Proof::Forged)));
    // Forged, and no license either: that it is forged matters more.
    let none = file.replace("count: 250", "count: 0");
    let forged = Err(LicenseFileError::Forged(ours.public().id()));
    assert_eq!(inspect(none.as_bytes(), &both), forged);
    let count = LicenseError::Count(LicenseCount(0));
    assert_eq!(inspect(none.as_bytes(), &[]), Err(LicenseFileError::Terms(count)));
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
    assert_eq!(refusal(&one_over), LicenseFileError::TooLarge);
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
    assert!(matches!(refusal("cad", "CAD"), LicenseFileError::Name { field: "product", .. }));
    assert!(matches!(refusal("never", "soon"), LicenseFileError::Moment { .. }));
    assert!(matches!(refusal("2026-01-01", "1969-01-01"), LicenseFileError::Moment { .. }));
    assert!(matches!(
        refusal("never", "2025-01-01T00:00:00Z"),
        LicenseFileError::Terms(LicenseError::DatesReversed { .. })
    ));
    let more = |line: &str| refusal("never\n", &format!("never\n{line}\n"));
    for line in ["tree: Acme", "tree: "] {
        assert!(matches!(more(line), LicenseFileError::Name { field: "tree", .. }), "{line:?}");
    }
    assert!(matches!(
        more("server: site-7"),
        LicenseFileError::Terms(LicenseError::ServerWithoutTree(_))
    ));
    for days in ["0", "3651"] {
        assert!(matches!(
            more(&format!("confirm-within-days: {days}")),
            LicenseFileError::Terms(LicenseError::ConfirmWithin(_))
        ));
    }
    for days in ["-1", "65536", "x"] {
        let refused = more(&format!("confirm-within-days: {days}"));
        assert_eq!(refused, LicenseFileError::Days(days.to_string()));
    }
    assert!(matches!(
        refusal("vendor: V", "vendor: V\u{1b}[2J"),
        LicenseFileError::Terms(LicenseError::NotOneLine { field: "vendor", .. })
    ));
}

#[test]
fn there_is_one_form_only() {
    let refusal = |from: &str, to: &str| outcome_of(&FIELDS.replace(from, to)).unwrap_err();
    let more = |lines: &str| refusal("never\n", &format!("never\n{lines}\n"));
    let mut seen = vec![refusal("count: 5", "count: 05"), refusal("count: 5", "count: +5")];
    seen.push(refusal("00:00:00Z", "00:00:00.000Z"));
    seen.push(refusal("00:00:00Z", "00:00:00.0001Z"));
    seen.push(refusal("00:00:00Z", "01:00:00+01:00"));
    seen.push(refusal("never\n", "never\nnote: \n"));
    seen.push(refusal("serial: S-1\nvendor: V\n", "vendor: V\nserial: S-1\n"));
    seen.push(more("confirm-within-days: 030"));
    seen.push(more("server: site-7\ntree: acme"));
    seen.push(more("note: x\ntree: acme"));
    assert_eq!(seen, vec![LicenseFileError::NotCanonical; 10]);
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
        tree: Some("t".repeat(63).parse().unwrap()),
        server: Some("s".repeat(63).parse().unwrap()),
        confirm_within_days: Some(CONFIRM_WITHIN_DAYS_MAX),
        note: "n".repeat(1_000),
    })
    .unwrap();
    let key = key();
    let file = issue(&largest, &key);
    assert!(file.contains("not-after: 9998-12-31T23:59:59.999Z\n"));
    assert!(file.len() < 4_096);
    assert_eq!(open(file.as_bytes(), &[key.public()]), Ok(largest));
}

/// The page that vendors read shows a file that servers take.
#[test]
fn the_example_of_the_reference_is_genuine() {
    let page = include_str!("../../../docs/reference/license-file.md");
    let mut blocks = page.split("```text\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let (file, key) = (blocks.next().unwrap(), blocks.next().unwrap().parse().unwrap());
    let license = open(file.as_bytes(), &[key]).unwrap();
    assert_eq!(license.server, Some("site-7".parse().unwrap()));
    let count = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(count, fields::NAMES.len(), "the page describes every field");
    for name in fields::NAMES {
        assert!(page.contains(&format!("\n| `{name}` | ")), "{name} is not described");
    }
}

proptest! {
    #[test]
    fn any_license_comes_back(
        license in any_license(),
        vendor in "[a-zA-Zäöü:<>\"]{1,40}",
        count in 1..=COUNT_MAX.0,
        begin in 0..MOMENT_MAX.0,
        length in proptest::option::of(1..=1_000_000_000u64),
        note in "|[a-z:]{1,20}",
    ) {
        let license = License::try_from(LicenseTerms {
            vendor,
            count: LicenseCount(count),
            not_before: Timestamp(begin),
            not_after: length.map(|ms| Timestamp((begin + ms).min(MOMENT_MAX.0))),
            note,
            ..license.into()
        }).unwrap();
        let key = key();
        let file = issue(&license, &key);
        prop_assert_eq!(open(file.as_bytes(), &[key.public()]), Ok(license));
    }

    #[test]
    fn any_other_byte_in_any_genuine_file_is_seen(
        license in any_license(),
        at: prop::sample::Index,
        change in 1..=255_u8,
    ) {
        let key = key();
        let mut file = issue(&license, &key).into_bytes();
        let at = at.index(file.len());
        file[at] ^= change;
        prop_assert!(open(&file, &[key.public()]).is_err(), "the byte at {} was not seen", at);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(open(&bytes, &[]).is_err());
        prop_assert!(inspect(&bytes, &[]).is_err());
    }

    /// Arbitrary lines behind a right title, and signed: what reaches the fields.
    #[test]
    fn arbitrary_signed_lines_never_panic(
        fields in "(([a-z-]{0,8}|tree|server|confirm-within-days|count)[: ]{0,2}\\PC{0,12}\n){0,9}",
    ) {
        let key = key();
        let _ = open(signed(&fields, &key).as_bytes(), &[key.public()]);
        let _ = inspect(signed(&fields, &key).as_bytes(), &[]);
    }

    #[test]
    fn arbitrary_fields_never_panic(text in "\\PC{0,80}") {
        let _ = fields::read(&text);
    }
}
