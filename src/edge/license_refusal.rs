//! What people are told of a license file that is not taken: a code, what was found, what to do.

use crate::edge::codes;
use crate::model::refusal::Refusal;
use crate::wire::license_file::LicenseFileError;

pub fn refusal(error: &LicenseFileError) -> Refusal {
    use LicenseFileError as Error;
    let (code, hint) = match error {
        Error::TooLarge | Error::NotALicenseFile => (
            codes::LICENSE_FILE_OTHER,
            "name the file that the vendor sent: `lictree license register FILE`",
        ),
        Error::OtherFormat(_) => {
            (codes::LICENSE_FILE_FORMAT, "update this server, then register the file again")
        }
        Error::LineEnds | Error::Damaged(_) => (
            codes::LICENSE_FILE_DAMAGED,
            "take the file from the vendor's message again, as an attachment",
        ),
        Error::UntrustedKey(_) => (
            codes::LICENSE_KEY_UNTRUSTED,
            "add the vendor's public key to `vendor_keys` in the configuration, and restart",
        ),
        Error::RetiredKey(_) => (
            codes::LICENSE_KEY_RETIRED,
            "ask the vendor to issue the license anew, under the key in use now",
        ),
        Error::Forged(_) => {
            (codes::LICENSE_FORGED, "ask the vendor for the file again; do not edit it")
        }
        Error::NotAField { .. }
        | Error::UnknownField { .. }
        | Error::DuplicateField { .. }
        | Error::MissingField(_)
        | Error::Name { .. }
        | Error::Count(_)
        | Error::Days(_)
        | Error::Moment { .. }
        | Error::Terms(_)
        | Error::NotCanonical => {
            (codes::LICENSE_TERMS, "send this message to the vendor and ask for a new file")
        }
    };
    Refusal::new(code, error.to_string(), hint)
}
