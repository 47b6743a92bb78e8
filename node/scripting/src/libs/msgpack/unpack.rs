//! MessagePack to Lua's values.

use crate::lua::{Fail, Stack};

/// cmsgpack.unpack(text): all values in it.
pub(super) fn unpack(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    unpack_some(stack, 0, 0)
}

/// cmsgpack.unpack_one(text [, offset]): where the next value begins (-1 at the end), and the value.
pub(super) fn unpack_one(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    let offset = stack.integer_argument(2, Some(0))?;
    unpack_some(stack, 1, offset)
}

/// cmsgpack.unpack_limit(text, limit [, offset]): as `unpack_one`, for up to `limit` values.
pub(super) fn unpack_limit(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    let limit = stack.integer_argument(2, None)?;
    let offset = stack.integer_argument(3, Some(0))?;
    unpack_some(stack, limit, offset)
}

fn unpack_some(stack: &mut Stack<'_>, limit: i64, offset: i64) -> Result<usize, Fail> {
    let text = stack.text_argument(1)?.to_vec();
    if offset < 0 || limit < 0 {
        return Err(Fail::Text(format!(
            "Invalid request to unpack with offset of {offset} and limit of {}.",
            text.len()
        )));
    }
    let rest = usize::try_from(offset).ok().and_then(|offset| text.get(offset..));
    let rest = rest.ok_or_else(|| {
        Fail::Text(format!("Start offset {offset} greater than input length {}.", text.len()))
    })?;
    let all = limit == 0 && offset == 0;
    let mut reader = Reader { rest };
    let first = stack.top();
    let mut count = 0;
    while !reader.rest.is_empty() && (all || count < limit) {
        reader.value(stack)?;
        count += 1;
    }
    if !all {
        let next = if reader.rest.is_empty() { -1.0 } else { (text.len() - reader.rest.len()) as f64 };
        stack.push_number(next);
        stack.insert(first + 1);
    }
    Ok((stack.top() - first) as usize)
}

struct Reader<'t> {
    rest: &'t [u8],
}

impl<'t> Reader<'t> {
    fn take(&mut self, len: usize) -> Result<&'t [u8], Fail> {
        let (bytes, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or_else(|| Fail::Text("Missing bytes in input.".to_owned()))?;
        self.rest = rest;
        Ok(bytes)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Fail> {
        self.take(N).map(|bytes| bytes.try_into().unwrap_or([0; N]))
    }

    /// A length or an unsigned number of `N` bytes.
    fn unsigned<const N: usize>(&mut self) -> Result<u64, Fail> {
        Ok(self.bytes::<N>()?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Pushes the next value.
    fn value(&mut self, stack: &mut Stack<'_>) -> Result<(), Fail> {
        if !stack.has_room(4) {
            return Err(Fail::Text(
                "stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)"
                    .to_owned(),
            ));
        }
        match self.bytes::<1>()?[0] {
            small @ 0..=0x7f => stack.push_number(f64::from(small)),
            small @ 0xe0..=0xff => stack.push_number(f64::from(small as i8)),
            short @ 0x80..=0x8f => self.map(stack, u64::from(short & 0xf))?,
            short @ 0x90..=0x9f => self.array(stack, u64::from(short & 0xf))?,
            short @ 0xa0..=0xbf => stack.push_bytes(self.take(usize::from(short & 0x1f))?),
            0xc0 => stack.push_nil(),
            0xc2 => stack.push_boolean(false),
            0xc3 => stack.push_boolean(true),
            0xca => stack.push_number(f64::from(f32::from_be_bytes(self.bytes()?))),
            0xcb => stack.push_number(f64::from_be_bytes(self.bytes()?)),
            0xcc => stack.push_number(self.unsigned::<1>()? as f64),
            0xcd => stack.push_number(self.unsigned::<2>()? as f64),
            0xce => stack.push_number(self.unsigned::<4>()? as f64),
            0xcf => stack.push_number(self.unsigned::<8>()? as f64),
            0xd0 => stack.push_number(f64::from(i8::from_be_bytes(self.bytes()?))),
            0xd1 => stack.push_number(f64::from(i16::from_be_bytes(self.bytes()?))),
            0xd2 => stack.push_number(f64::from(i32::from_be_bytes(self.bytes()?))),
            0xd3 => stack.push_number(i64::from_be_bytes(self.bytes()?) as f64),
            0xd9 => self.string(stack, Reader::unsigned::<1>)?,
            0xda => self.string(stack, Reader::unsigned::<2>)?,
            0xdb => self.string(stack, Reader::unsigned::<4>)?,
            0xdc => self.unsigned::<2>().and_then(|len| self.array(stack, len))?,
            0xdd => self.unsigned::<4>().and_then(|len| self.array(stack, len))?,
            0xde => self.unsigned::<2>().and_then(|len| self.map(stack, len))?,
            0xdf => self.unsigned::<4>().and_then(|len| self.map(stack, len))?,
            _ => return Err(Fail::Text("Bad data format in input.".to_owned())),
        }
        Ok(())
    }

    fn string(
        &mut self,
        stack: &mut Stack<'_>,
        len: fn(&mut Reader<'t>) -> Result<u64, Fail>,
    ) -> Result<(), Fail> {
        let len = len(self)?;
        stack.push_bytes(self.take(len as usize)?);
        Ok(())
    }

    fn array(&mut self, stack: &mut Stack<'_>, len: u64) -> Result<(), Fail> {
        stack.check_memory(0)?;
        stack.push_table(0, 0);
        let table = stack.top();
        for i in 1..=len {
            self.value(stack)?;
            stack.set_item(table, i as usize);
        }
        Ok(())
    }

    fn map(&mut self, stack: &mut Stack<'_>, len: u64) -> Result<(), Fail> {
        stack.check_memory(0)?;
        stack.push_table(0, 0);
        let table = stack.top();
        for _ in 0..len {
            self.value(stack)?;
            self.value(stack)?;
            stack.set(table);
        }
        Ok(())
    }
}
