//! Changes at random: of bytes, and of text with the pieces that readers of text stumble over.

use crate::draw::Draw;

/// The longest input that is made.
pub const LEN_MAX: usize = 64 << 10;

/// What people, or people with a purpose, put where a word should stand.
pub const WORDS: &[&[u8]] = &[
    b"",
    b"\0",
    b"\x1b[31m",
    b"\x1b]0;x\x07",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\t",
    b" ",
    b"\x7f",
    b"\xc2\x9b31m",
    "\u{202e}gnp.exe".as_bytes(),
    "\u{200b}".as_bytes(),
    "\u{feff}".as_bytes(),
    "e\u{301}\u{301}\u{301}".as_bytes(),
    "\u{1f4a9}".as_bytes(),
    "\u{130}".as_bytes(),
    b"\xff\xfe",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"../../etc/passwd",
    b"..\\..\\x",
    b"/",
    b".",
    b"con",
    b"%00",
    b"%2e%2e%2f",
    b"%s%n",
    b"-1",
    b"+1",
    b"00",
    b"0x10",
    b"1e999",
    b"18446744073709551615",
    b"18446744073709551616",
    b"340282366920938463463374607431768211456",
    b"9999-12-31T23:59:59Z",
    b"-009999-01-01T00:00:00Z",
    b"1970-01-01T00:00:00+99:99",
    b"nan",
    b"'",
    b"\"",
    b"\"\"\"",
    b"\\u0000",
    b"\\ud800",
    b"[",
    b"]",
    b"{",
    b"}",
    b"[[scan]]\n",
    b"a.b.c.d.e=1\n",
    b"&#x41;",
    b"&#0;",
    b"&x;",
    b"&lt;",
    b"<!DOCTYPE x [<!ENTITY a \"b\">]>",
    b"<!--",
    b"<![CDATA[",
    b"<host>",
    b"</host>",
    b"<?xml version=\"1.0\" encoding=\"utf-16\"?>",
    b"127.0.0.1",
    b"0.0.0.0/0",
    b"::/0",
    b"::ffff:10.0.0.1",
    b"fe80::1%eth0",
    b"10.0.0.1-0",
    b"ff:ff:ff:ff:ff:ff",
    b"00:00:00:00:00:00",
    b"00:00:5e:00:01:01",
    b"(incomplete)",
    b",,,,",
    b";",
    b"=",
    b"&after=",
    b"&limit=0",
];

/// What opens something, again and again.
const OPENINGS: &[&[u8]] = &[
    b"[",
    b"{",
    b"(",
    b"<a>",
    b"a.",
    b"{a=",
    b"{\"a\":",
    b"[[",
    b"\"",
    b"<!--",
    b"&",
    b"-",
    b"x",
    b"\n",
    b"a=[",
    b"[a.",
    b"\xf0\x9f\x92\xa9",
];
const DEPTHS: &[usize] = &[3, 40, 130, 1_000, 10_000];

/// A change or some; `other` is another input of the same corpus.
pub fn shaken(bytes: &[u8], other: &[u8], text: bool, draw: &mut Draw) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=draw.below(5) {
        let kind = draw.below(if text { 14 } else { 10 });
        change(&mut bytes, other, kind, draw);
        bytes.truncate(LEN_MAX);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], kind: usize, draw: &mut Draw) {
    let len = bytes.len();
    let (at, until) = piece(len, draw);
    match kind {
        0 if len > 0 => bytes[draw.below(len)] ^= 1 << draw.below(8),
        1 if len > 0 => bytes[draw.below(len)] = draw.next() as u8,
        2 => drop(bytes.drain(at..until)),
        3 => {
            let new: Vec<u8> = (0..1 + draw.below(8)).map(|_| draw.next() as u8).collect();
            bytes.splice(at..at, new);
        }
        4 => {
            // Something from elsewhere in it, once more.
            let piece = bytes[at..until].to_vec();
            let to = draw.below(len + 1);
            bytes.splice(to..to, piece.repeat(1 + draw.below(3)));
        }
        5 => {
            let (from, to) = piece(other.len(), draw);
            bytes.splice(at..until, other[from..to].iter().copied());
        }
        6 => {
            bytes.truncate(at);
            let (from, _) = piece(other.len(), draw);
            bytes.extend(&other[from..]);
        }
        7 => {
            let number = draw.edge().to_le_bytes();
            let width = *draw.one(&[1, 2, 4, 8]);
            let end = (at + width).min(len);
            bytes.splice(at..end, number[..width].iter().copied());
        }
        8 => {
            let number = draw.edge().to_be_bytes();
            let width = *draw.one(&[1, 2, 4, 8]);
            let end = (at + width).min(len);
            bytes.splice(at..end, number[8 - width..].iter().copied());
        }
        9 => drop(bytes.splice(at..until, draw.one(WORDS).iter().copied())),
        10 => drop(bytes.splice(at..at, draw.one(WORDS).iter().copied())),
        11 => {
            let opening = draw.one(OPENINGS).repeat(*draw.one(DEPTHS));
            bytes.splice(at..at, opening);
        }
        _ => line_moved(bytes, kind == 12, draw),
    }
}

/// A line stands in another place too, or instead.
fn line_moved(bytes: &mut Vec<u8>, doubled: bool, draw: &mut Draw) {
    let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let from = draw.below(lines.len());
    let line = if doubled { lines[from].clone() } else { lines.remove(from) };
    lines.insert(draw.below(lines.len() + 1), line);
    *bytes = lines.join(&b'\n');
}

/// A short piece of so many bytes, or a long one.
fn piece(len: usize, draw: &mut Draw) -> (usize, usize) {
    let at = draw.below(len + 1);
    let longest = if draw.below(8) == 0 { len } else { 16 };
    (at, (at + draw.below(longest + 1)).min(len))
}
