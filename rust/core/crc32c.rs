// SPDX-License-Identifier: GPL-2.0

//! CRC32c, the checksum of SCTP (RFC 9260, appendix A), and its update without the data.
//!
//! The CRC of a message is linear in its bits: what a change of some bytes does to it depends on
//! the change and on how many bytes follow, and not on what they are. So ports can be translated
//! without reading the data: the change is multiplied by x^(8 n) modulo the polynomial, n bytes
//! before the end, with two multiplications whatever n is.
//!
//! Registers are reflected: bit 31 is the coefficient of x^0.

/// Castagnoli's polynomial, reflected, without x^32.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// x^0.
const ONE: u32 = 0x8000_0000;

/// What 8 bits that leave the register leave behind, for each byte of 8 at once.
static TABLES: [[u32; 256]; 8] = tables();

/// x^(8 n) modulo the polynomial, for n = 0 to 255 and for its multiples by 256.
static POWERS: [[u32; 256]; 2] = powers();

/// Multiplies by x.
const fn shift(value: u32) -> u32 {
    (value >> 1) ^ (POLYNOMIAL & 0_u32.wrapping_sub(value & 1))
}

/// Multiplies by x^8.
const fn shift_byte(mut value: u32) -> u32 {
    let mut bit = 0;
    while bit < 8 {
        value = shift(value);
        bit += 1;
    }
    value
}

#[expect(
    clippy::indexing_slicing,
    reason = "at compile time, where it cannot panic"
)]
const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut table = 0;
        while table < 8 {
            value = shift_byte(value);
            tables[table][byte] = value;
            table += 1;
        }
        byte += 1;
    }
    tables
}

#[expect(
    clippy::indexing_slicing,
    reason = "at compile time, where it cannot panic"
)]
const fn powers() -> [[u32; 256]; 2] {
    let mut powers = [[ONE; 256]; 2];
    let mut n = 1;
    while n < 256 {
        powers[0][n] = shift_byte(powers[0][n - 1]);
        n += 1;
    }
    let step = shift_byte(powers[0][255]);
    n = 1;
    while n < 256 {
        powers[1][n] = multiply(powers[1][n - 1], step);
        n += 1;
    }
    powers
}

/// Looks a byte up.
#[inline(always)]
fn look(table: &[u32; 256], byte: u8) -> u32 {
    // A byte is always within the table; the compiler sees that.
    table.get(usize::from(byte)).copied().unwrap_or_default()
}

/// The product of two polynomials modulo the polynomial.
const fn multiply(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    let mut bit = 32_u32;
    while bit > 0 {
        bit = u32::wrapping_sub(bit, 1);
        product ^= b & 0_u32.wrapping_sub((a >> bit) & 1);
        b = shift(b);
    }
    product
}

/// The CRC of a message that is fed piece by piece.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Crc32c(u32);

impl Crc32c {
    /// That of no bytes.
    pub const fn new() -> Self {
        Self(u32::MAX)
    }

    /// Feeds the next bytes of the message.
    pub fn feed(self, bytes: &[u8]) -> Self {
        Self(advance(self.0, bytes))
    }

    /// The CRC of all that was fed.
    pub const fn finish(self) -> u32 {
        !self.0
    }
}

impl Default for Crc32c {
    fn default() -> Self {
        Self::new()
    }
}

/// The CRC of a message.
pub fn crc32c(bytes: &[u8]) -> u32 {
    Crc32c::new().feed(bytes).finish()
}

/// The register after these bytes.
fn advance(register: u32, bytes: &[u8]) -> u32 {
    let [one, two, three, four, five, six, seven, eight] = &TABLES;
    let eights = bytes.chunks_exact(8);
    let rest = eights.remainder();
    let register = eights.fold(register, |register, bytes| {
        let Some([a, b, c, d, e, f, g, h]) = bytes.first_chunk::<8>().copied() else {
            return register;
        };
        let [a, b, c, d] = (register ^ u32::from_le_bytes([a, b, c, d])).to_le_bytes();
        look(eight, a)
            ^ look(seven, b)
            ^ look(six, c)
            ^ look(five, d)
            ^ look(four, e)
            ^ look(three, f)
            ^ look(two, g)
            ^ look(one, h)
    });
    rest.iter().fold(register, |register, byte| {
        (register >> 8) ^ look(one, register as u8 ^ byte)
    })
}

/// What a CRC becomes when 4 bytes of the message change, in the order in which they are sent;
/// `after` bytes of it follow them.
///
/// A wrong CRC stays wrong.
pub fn update(crc: u32, old: [u8; 4], new: [u8; 4], after: u16) -> u32 {
    let [low, high] = after.to_le_bytes();
    let [small, large] = &POWERS;
    let change = u32::from_le_bytes(old) ^ u32::from_le_bytes(new);
    // The register holds the change before its own 4 bytes have gone through.
    let change = advance(change, &[0; 4]);
    crc ^ multiply(multiply(change, look(small, low)), look(large, high))
}
