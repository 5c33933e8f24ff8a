//! Changes to a protobuf message that leave the rest of it whole: what lies around the changed
//! field is written again with lengths that fit.

use crate::draw::Draw;

enum Content {
    Number(u64),
    Fixed(Vec<u8>),
    Bytes(Vec<u8>),
}

struct Field {
    number: u64,
    content: Content,
}

/// The fields of a message; nothing when the bytes are none.
fn fields(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = take(&mut bytes)?;
        let fixed = |bytes: &mut &[u8], len: u64| {
            let (content, rest) = bytes.split_at_checked(usize::try_from(len).ok()?)?;
            *bytes = rest;
            Some(content.to_vec())
        };
        let content = match key & 7 {
            0 => Content::Number(take(&mut bytes)?),
            1 => Content::Fixed(fixed(&mut bytes, 8)?),
            2 => {
                let len = take(&mut bytes)?;
                Content::Bytes(fixed(&mut bytes, len)?)
            }
            5 => Content::Fixed(fixed(&mut bytes, 4)?),
            _ => return None,
        };
        fields.push(Field { number: key >> 3, content });
    }
    Some(fields)
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for at in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// A number with so many groups more than it needs.
fn put(out: &mut Vec<u8>, mut number: u64, more: usize) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    if more == 0 {
        out.push(number as u8);
        return;
    }
    out.push(number as u8 | 0x80);
    out.extend(std::iter::repeat_n(0x80, more - 1));
    out.push(0);
}

fn write(out: &mut Vec<u8>, field: &Field) {
    match &field.content {
        Content::Number(number) => {
            put(out, field.number << 3, 0);
            put(out, *number, 0);
        }
        Content::Fixed(bytes) => {
            put(out, field.number << 3 | if bytes.len() == 8 { 1 } else { 5 }, 0);
            out.extend(bytes);
        }
        Content::Bytes(bytes) => put_bytes(out, field.number, bytes, bytes.len() as u64),
    }
}

/// With a length that may be another.
fn put_bytes(out: &mut Vec<u8>, number: u64, bytes: &[u8], len: u64) {
    put(out, number << 3 | 2, 0);
    put(out, len, 0);
    out.extend(bytes);
}

/// The message with one thing about it changed, on whatever level; nothing when it is none.
pub fn changed(bytes: &[u8], draw: &mut Draw) -> Option<Vec<u8>> {
    let mut fields = fields(bytes)?;
    if fields.is_empty() {
        return None;
    }
    let at = draw.below(fields.len());
    if let Content::Bytes(inner) = &mut fields[at].content
        && draw.below(4) > 0
        && let Some(other) = changed(inner, draw)
    {
        *inner = other;
        return Some(written(&fields));
    }
    Some(changed_here(&mut fields, at, draw))
}

fn written(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    fields.iter().for_each(|field| write(&mut out, field));
    out
}

fn changed_here(fields: &mut [Field], at: usize, draw: &mut Draw) -> Vec<u8> {
    let mut out = written(&fields[..at]);
    let rest = written(&fields[at + 1..]);
    let field = &mut fields[at];
    match draw.below(12) {
        0 => {}
        1 => (0..=*draw.one(&[1, 2, 60, 1_300])).for_each(|_| write(&mut out, field)),
        2 => {
            write(&mut out, field);
            out.extend(&rest);
            write(&mut out, field);
            return out;
        }
        3 => {
            field.number = draw.next() % 64;
            write(&mut out, field);
        }
        4 => {
            // One that nobody knows, of each kind.
            let number = *draw.one(&[0, 99, 2_000, 1 << 28]);
            let bytes = vec![1; *draw.one(&[4, 8])];
            write(&mut out, &Field { number, content: Content::Fixed(bytes.clone()) });
            write(&mut out, &Field { number, content: Content::Bytes(bytes) });
            write(&mut out, field);
        }
        5 => {
            let number = draw.edge();
            write(&mut out, &Field { number: field.number, content: Content::Number(number) });
        }
        6 => {
            // More bytes than a number needs, or than any number has.
            put(&mut out, field.number << 3, draw.below(3));
            put(&mut out, draw.edge(), 1 + draw.below(11));
        }
        _ => bytes_changed(&mut out, field, draw),
    }
    out.extend(rest);
    out
}

fn bytes_changed(out: &mut Vec<u8>, field: &mut Field, draw: &mut Draw) {
    let number = field.number;
    let bytes = match &field.content {
        Content::Bytes(bytes) => bytes.clone(),
        _ => Vec::new(),
    };
    match draw.below(5) {
        0 => {
            // A length that lies.
            let len = bytes.len() as u64;
            let len =
                *draw.one(&[0, len + 1, len.saturating_sub(1), u64::from(u32::MAX), len << 40]);
            put_bytes(out, number, &bytes, len);
        }
        1 => {
            // Many items with nothing in them.
            let list = [10, 0].repeat(*draw.one(&[1, 100, 513, 1_301, 4_097]));
            write(out, &Field { number, content: Content::Bytes(list) });
        }
        2 => {
            // Deep within itself.
            let mut inner = bytes;
            for _ in 0..*draw.one(&[2, 90, 120, 400]) {
                let mut outer = Vec::new();
                put_bytes(&mut outer, number, &inner, inner.len() as u64);
                inner = outer;
            }
            out.extend(inner);
        }
        3 => {
            let word = draw.one(crate::shake::WORDS).to_vec();
            write(out, &Field { number, content: Content::Bytes(word) });
        }
        _ => {
            let times = *draw.one(&[0, 2, 7, 65]);
            write(out, &Field { number, content: Content::Bytes(bytes.repeat(times)) });
        }
    }
}
