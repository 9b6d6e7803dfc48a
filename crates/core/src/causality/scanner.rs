//! Reading text from left to right.

use crate::excerpt::excerpt;

/// Something else was to be at this place, counted from 0.
pub(super) struct Expected(pub(super) &'static str, pub(super) usize);

impl std::fmt::Display for Expected {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Expected {} at position {}.", self.0, self.1 + 1)
    }
}

/// How far a text is read.
pub(super) struct Scanner<'a> {
    text: &'a str,
    /// Only ASCII is before it.
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn expected(&self, what: &'static str) -> Expected {
        Expected(what, self.at)
    }

    pub(super) fn skip_space(&mut self) {
        while self
            .peek()
            .is_some_and(|byte| b" \t\n\x0b\x0c\r".contains(&byte))
        {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// A symbol, if it is the next character.
    pub(super) fn accept(&mut self, symbol: u8) -> bool {
        let found = self.peek() == Some(symbol);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, what: &'static str, symbol: u8) -> Result<(), Expected> {
        if self.accept(symbol) {
            return Ok(());
        }
        Err(self.expected(what))
    }

    /// A symbol after white space, if it is the next one.
    pub(super) fn accept_token(&mut self, symbol: u8) -> bool {
        self.skip_space();
        self.accept(symbol)
    }

    pub(super) fn expect_token(&mut self, what: &'static str, symbol: u8) -> Result<(), Expected> {
        self.skip_space();
        self.expect(what, symbol)
    }

    /// The end, after white space.
    pub(super) fn expect_end(&mut self) -> Result<(), Expected> {
        self.skip_space();
        if self.at < self.text.len() {
            return Err(self.expected("the end"));
        }
        Ok(())
    }

    /// Digits; of more than fit, how they begin.
    pub(super) fn number(&mut self, what: &'static str) -> Result<Result<i64, String>, Expected> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        let digits = &self.text[start..self.at];
        if digits.is_empty() {
            return Err(self.expected(what));
        }
        Ok(digits.parse().map_err(|_| excerpt(digits).into()))
    }
}
