//! The tokens of a USD text file, one at a time, so that a file of gigabytes is never held in memory.

use std::io::Read;

use anyhow::{Context, Result, bail, ensure};

/// Bytes that are read at once.
const BLOCK: usize = 1 << 18;
/// The longest word, number or string that makes sense in a scene.
const LONGEST: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// A keyword, type or name, with its dots, colons and the brackets of an array type.
    Word(String),
    Number(f64),
    Text(String),
    /// A path of a prim, or the name of a file.
    Reference,
    Mark(u8),
    End,
}

impl Token {
    /// A word or two for a message: the start of a text, which may be long.
    pub fn shown(&self) -> String {
        let start = |text: &str| text.chars().take(40).flat_map(char::escape_debug).collect::<String>();
        match self {
            Self::Word(word) => format!("\"{}\"", start(word)),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => format!("the text \"{}\"", start(text)),
            Self::Reference => "a reference".into(),
            Self::Mark(mark) => format!("\"{}\"", char::from(*mark).escape_default()),
            Self::End => "the end of the file".into(),
        }
    }
}

pub struct Tokens<R> {
    reader: R,
    buffer: Vec<u8>,
    at: usize,
    line: u64,
    /// The scratch of a number's text.
    text: Vec<u8>,
}

impl<R: Read> Tokens<R> {
    pub fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), at: 0, line: 1, text: Vec::new() }
    }

    /// The line that was last looked at, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The byte `ahead` of the next, if the file is that long; `ahead` is small.
    fn peek(&mut self, ahead: usize) -> Result<Option<u8>> {
        if self.at + ahead >= self.buffer.len() {
            self.buffer.drain(..self.at);
            self.at = 0;
            let mut limited = self.reader.by_ref().take(BLOCK as u64);
            limited.read_to_end(&mut self.buffer).context("cannot be read")?;
        }
        Ok(self.buffer.get(self.at + ahead).copied())
    }

    fn bump(&mut self) {
        self.line += u64::from(self.buffer[self.at] == b'\n');
        self.at += 1;
    }

    /// Passes over blanks, comments, and the commas and semicolons that only separate.
    fn skip_blank(&mut self) -> Result<()> {
        while let Some(byte) = self.peek(0)? {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b',' | b';' => self.bump(),
                b'#' => self.skip_line()?,
                b'/' if self.peek(1)? == Some(b'/') => self.skip_line()?,
                b'/' if self.peek(1)? == Some(b'*') => {
                    while !(self.peek(0)? == Some(b'*') && self.peek(1)? == Some(b'/')) {
                        ensure!(self.peek(1)?.is_some(), "the file ends inside a comment");
                        self.bump();
                    }
                    self.at += 2;
                }
                _ => break,
            }
        }
        Ok(())
    }

    fn skip_line(&mut self) -> Result<()> {
        while self.peek(0)?.is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
        Ok(())
    }

    /// The first byte of the next token.
    pub fn ahead(&mut self) -> Result<Option<u8>> {
        self.skip_blank()?;
        self.peek(0)
    }

    /// Passes over `mark` if it comes next.
    pub fn accept(&mut self, mark: u8) -> Result<bool> {
        let found = self.ahead()? == Some(mark);
        if found {
            self.bump();
        }
        Ok(found)
    }

    pub fn expect(&mut self, mark: u8) -> Result<()> {
        ensure!(self.accept(mark)?, "\"{}\" expected", char::from(mark));
        Ok(())
    }

    pub fn next(&mut self) -> Result<Token> {
        Ok(match self.ahead()? {
            None => Token::End,
            Some(b'"' | b'\'') => Token::Text(self.string()?),
            Some(b'<') => self.reference(b">")?,
            Some(b'@') if self.peek(1)? == Some(b'@') && self.peek(2)? == Some(b'@') => {
                self.at += 2;
                self.reference(b"@@@")?
            }
            Some(b'@') => self.reference(b"@")?,
            Some(b'0'..=b'9' | b'-' | b'+' | b'.') => Token::Number(self.number()?),
            Some(byte) if is_word(byte) => Token::Word(self.word()?),
            Some(mark) => {
                self.bump();
                Token::Mark(mark)
            }
        })
    }

    fn word(&mut self) -> Result<String> {
        self.text.clear();
        while let Some(byte) = self.peek(0)? {
            let array = byte == b'[' && self.peek(1)? == Some(b']');
            if !is_word(byte) && !array {
                break;
            }
            self.text.push(byte);
            self.at += 1;
            if array {
                self.text.push(b']');
                self.at += 1;
            }
            ensure!(self.text.len() <= LONGEST, "a word is too long");
        }
        Ok(String::from_utf8_lossy(&self.text).into_owned())
    }

    fn number(&mut self) -> Result<f64> {
        self.number_text()?;
        // No statement ends with a number at the end of a file.
        ensure!(self.peek(0)?.is_some(), "the file ends inside a number");
        let text = std::str::from_utf8(&self.text).unwrap_or_default();
        text.parse().ok().with_context(|| format!("\"{text}\" is not a number"))
    }

    fn number_text(&mut self) -> Result<()> {
        self.text.clear();
        while let Some(byte) = self.peek(0)? {
            // Letters for exponents, and for inf and nan, which are numbers too.
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')) {
                break;
            }
            self.text.push(byte);
            self.at += 1;
            ensure!(self.text.len() <= 400, "a number is too long");
        }
        Ok(())
    }

    /// A string between one or three of either kind of quotation mark.
    fn string(&mut self) -> Result<String> {
        let quote = self.buffer[self.at];
        let long = self.peek(1)? == Some(quote) && self.peek(2)? == Some(quote);
        self.at += if long { 3 } else { 1 };
        self.text.clear();
        loop {
            let byte = self.peek(0)?.context("the file ends inside a string")?;
            if byte == b'\\' {
                self.bump();
                let escaped = self.peek(0)?.context("the file ends inside a string")?;
                self.text.push(escaped);
                self.bump();
                continue;
            }
            let closes = byte == quote && (!long || self.peek(1)? == Some(quote) && self.peek(2)? == Some(quote));
            if closes {
                self.at += if long { 3 } else { 1 };
                return Ok(String::from_utf8_lossy(&self.text).into_owned());
            }
            self.text.push(byte);
            self.bump();
            ensure!(self.text.len() <= LONGEST, "a string is too long");
        }
    }

    fn reference(&mut self, close: &[u8]) -> Result<Token> {
        self.bump();
        loop {
            let mut closes = true;
            for (ahead, &byte) in close.iter().enumerate() {
                closes &= self.peek(ahead)? == Some(byte);
            }
            if closes {
                self.at += close.len();
                return Ok(Token::Reference);
            }
            ensure!(self.peek(0)?.is_some(), "the file ends inside a path");
            self.bump();
        }
    }

    /// Calls `each` with every number of a value, whether it is alone, a tuple or an array of tuples.
    pub fn numbers(&mut self, mut each: impl FnMut(f64)) -> Result<()> {
        let mut depth = 0_usize;
        loop {
            match self.ahead()?.context("the file ends inside a value")? {
                b'[' | b'(' => {
                    self.bump();
                    depth += 1;
                }
                b']' | b')' => {
                    ensure!(depth > 0, "a value expected");
                    self.bump();
                    depth -= 1;
                }
                byte if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.') => {
                    let value = self.number();
                    // A value that is blocked.
                    if depth == 0 && self.text == b"None" {
                        return Ok(());
                    }
                    each(value?);
                }
                other => bail!("\"{}\" among numbers", char::from(other).escape_default()),
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Passes over a value and whatever stands between its brackets.
    pub fn skip_value(&mut self) -> Result<()> {
        let mut depth = 0_usize;
        loop {
            match self.next()? {
                Token::Mark(b'[' | b'(' | b'{') => depth += 1,
                Token::Mark(b']' | b')' | b'}') => {
                    depth = depth.checked_sub(1).context("an unmatched closing bracket")?;
                }
                Token::End => bail!("the file ends inside a value"),
                _ => {}
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'.') || byte >= 0x80
}
