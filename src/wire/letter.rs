//! The form of letters: address, route, body, and what their authors sign.

use crate::model::letter::{Address, Body, Letter, Presence, Signature};
use crate::record::RecordError;
use crate::record::enrolment::blob;
use crate::record::field::Fields;
use crate::record::name::{name, route, route_text};
use crate::record::room::Room;
use crate::wire::body::{BodyForm, is_body};
use crate::wire::error::WireError;
use crate::wire::limits::WireLimits;
use prost::{Message, Oneof};
use std::ops::RangeInclusive;

const WHAT: &str = "a letter";

/// The field numbers below 10 are for addresses and what goes with them.
const ROUTE_TAG: u32 = 6;
const SIGNATURE_TAG: u32 = 9;
const ADDRESS_TAGS: RangeInclusive<u32> = 1..=5;

#[derive(Clone, PartialEq, Message)]
pub struct LetterForm {
    #[prost(oneof = "AddressForm", tags = "1, 2, 3, 4, 5")]
    to: Option<AddressForm>,
    #[prost(string, tag = "6")]
    route: String,
    #[prost(message, optional, tag = "9")]
    signature: Option<SignatureForm>,
    #[prost(
        oneof = "BodyForm",
        tags = "10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, \
                30, 40, 41, 42, 45, 46, 47, 48, 49, 50, 51, 52"
    )]
    body: Option<BodyForm>,
}

#[derive(Clone, PartialEq, Message)]
struct SignatureForm {
    #[prost(bytes = "vec", tag = "1")]
    certificate: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    bytes: Vec<u8>,
}

/// Numbers 7 and 8 are free for further kinds.
#[derive(Clone, PartialEq, Oneof)]
enum AddressForm {
    #[prost(bool, tag = "1")]
    Neighbour(bool),
    #[prost(bool, tag = "2")]
    Primary(bool),
    #[prost(string, tag = "3")]
    Holder(String),
    #[prost(string, tag = "4")]
    Above(String),
    #[prost(string, tag = "5")]
    Below(String),
}

impl LetterForm {
    pub fn of(letter: &Letter) -> LetterForm {
        LetterForm {
            to: Some(AddressForm::of(&letter.to)),
            route: route_text(&letter.route),
            signature: letter.signature.as_deref().map(SignatureForm::of),
            body: Some(BodyForm::of(&letter.body)),
        }
    }
}

/// What the author of a letter signs that goes up, or is a word of the primary: for whom it is, its
/// own name where it goes up, and what it says; not what those that pass it on add. Nothing for any
/// other letter. Equal letters have equal bytes.
pub fn signed_bytes(letter: &Letter) -> Option<Vec<u8>> {
    let author = match letter.to {
        Address::Primary | Address::Holder(_) | Address::Above(_) => {
            letter.route.first()?.to_string()
        }
        Address::Below(_) if letter.body.is_of_the_primary() => String::new(),
        Address::Neighbour | Address::Below(_) => return None,
    };
    let body = match &letter.body {
        Body::Presence(presence) => {
            let as_said = Presence { kept_ms: 0, address: String::new(), ..presence.clone() };
            BodyForm::of(&Body::Presence(as_said))
        }
        body => BodyForm::of(body),
    };
    let form = LetterForm {
        to: Some(AddressForm::of(&letter.to)),
        route: author,
        signature: None,
        body: Some(body),
    };
    Some(form.encode_to_vec())
}

/// The letter of such bytes.
pub fn read_letter(bytes: &[u8], limits: &WireLimits) -> Result<Letter, WireError> {
    let broken = |source| RecordError::Broken { what: WHAT, source };
    let form = LetterForm::decode(bytes).map_err(broken)?;
    let (Some(to), Some(body)) = (form.to, form.body) else {
        return Err(unsupported(bytes));
    };
    let room = &mut limits.room();
    let route = route(WHAT, &form.route, room)?;
    let signature = form.signature.map(|form| form.value(room)).transpose()?.map(Box::new);
    Ok(Letter { to: to.value()?, route, body: body.value(room)?, signature })
}

/// Why there is no address or no body: one of a newer version stands there, or nothing.
fn unsupported(bytes: &[u8]) -> WireError {
    for field in Fields::of(WHAT, bytes) {
        match field {
            Ok((ROUTE_TAG | SIGNATURE_TAG, _)) => {}
            Ok((tag, _)) if ADDRESS_TAGS.contains(&tag) || is_body(tag) => {}
            Ok((number, _)) => return WireError::Unsupported { what: "part of a letter", number },
            Err(error) => return error.into(),
        }
    }
    RecordError::Missing { what: WHAT, field: "address or body" }.into()
}

impl SignatureForm {
    fn of(signature: &Signature) -> SignatureForm {
        let Signature { certificate, bytes } = signature.clone();
        SignatureForm { certificate, bytes }
    }

    fn value(self, room: &Room) -> Result<Signature, RecordError> {
        Ok(Signature {
            certificate: blob("the certificate of an author", self.certificate, room)?,
            bytes: blob("the signature of a letter", self.bytes, room)?,
        })
    }
}

impl AddressForm {
    fn of(address: &Address) -> AddressForm {
        match address {
            Address::Neighbour => AddressForm::Neighbour(true),
            Address::Primary => AddressForm::Primary(true),
            Address::Holder(product) => AddressForm::Holder(product.to_string()),
            Address::Above(server) => AddressForm::Above(server.to_string()),
            Address::Below(server) => AddressForm::Below(server.to_string()),
        }
    }

    fn value(self) -> Result<Address, RecordError> {
        let what = "the address of a letter";
        Ok(match self {
            AddressForm::Neighbour(_) => Address::Neighbour,
            AddressForm::Primary(_) => Address::Primary,
            AddressForm::Holder(product) => Address::Holder(name(what, &product)?),
            AddressForm::Above(server) => Address::Above(name(what, &server)?),
            AddressForm::Below(server) => Address::Below(name(what, &server)?),
        })
    }
}
