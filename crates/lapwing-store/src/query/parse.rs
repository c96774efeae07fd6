//! The grammar: `OR` binds weakest, then `AND` and mere adjacency, then `NOT`; a condition is
//! `[field:] value`, and parentheses group either.

use std::ops::Bound;

use lapwing_event::Timestamp;

use super::names::{nearest, resolve};
use super::scan::{Scanner, Word, fault};
use super::{Condition, MAX_CLAUSES, MAX_NESTING, MAX_QUERY_BYTES, Query, QueryError, Target, Test, value};

/// Reads a query; an empty one asks for everything. `now` is the time that `now-15m` counts from.
pub fn parse_query(text: &str, now: Timestamp) -> Result<Query, QueryError> {
    parse(text, now, Adjacent::And)
}

/// What words side by side mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adjacent {
    /// All of them.
    And,
    /// Any of them, as in Lucene; what is negated is excluded all the same.
    Or,
}

/// As [`parse_query`], with the meaning of words side by side.
pub(crate) fn parse(text: &str, now: Timestamp, adjacent: Adjacent) -> Result<Query, QueryError> {
    if text.len() > MAX_QUERY_BYTES {
        return Err(fault(0, format!("is {} bytes long; at most {MAX_QUERY_BYTES} are read", text.len())));
    }
    let mut parser = Parser { scanner: Scanner::new(text), now, adjacent, clauses: 0 };
    parser.scanner.skip_space();
    if parser.scanner.peek().is_none() {
        return Ok(Query::All);
    }
    let query = parser.or(&[Target::Content], 0)?;
    match parser.scanner.peek() {
        None => Ok(query),
        Some(_) => Err(fault(parser.scanner.at, "a parenthesis is closed that was not opened")),
    }
}

struct Parser {
    scanner: Scanner,
    now: Timestamp,
    adjacent: Adjacent,
    clauses: usize,
}

impl Parser {
    fn or(&mut self, targets: &[Target], depth: usize) -> Result<Query, QueryError> {
        let mut branches = vec![self.and(targets, depth)?];
        while self.scanner.take_operator("OR") {
            branches.push(self.and(targets, depth)?);
        }
        Ok(join(branches, Query::Or))
    }

    fn and(&mut self, targets: &[Target], depth: usize) -> Result<Query, QueryError> {
        // What AND ties together, one list for each run of it.
        let mut runs = vec![vec![self.not(targets, depth)?]];
        loop {
            self.scanner.skip_space();
            let explicit = self.scanner.take_operator("AND");
            self.scanner.skip_space();
            let before = self.scanner.at;
            let ended = matches!(self.scanner.peek(), None | Some(')')) || self.scanner.take_operator("OR");
            self.scanner.at = before;
            match (ended, explicit) {
                (true, false) => return Ok(self.join_runs(runs)),
                (true, true) => return Err(fault(before, "something must follow AND")),
                (false, _) => {
                    let part = self.not(targets, depth)?;
                    match runs.last_mut().filter(|_| explicit || self.adjacent == Adjacent::And) {
                        Some(run) => run.push(part),
                        None => runs.push(vec![part]),
                    }
                }
            }
        }
    }

    /// Any of the runs, without what stands negated beside them.
    fn join_runs(&self, runs: Vec<Vec<Query>>) -> Query {
        let runs = runs.into_iter().map(|run| join(run, Query::And));
        let (excluded, any): (Vec<Query>, Vec<Query>) = runs.partition(|run| matches!(run, Query::Not(_)));
        let any = (!any.is_empty()).then(|| join(any, Query::Or));
        join(any.into_iter().chain(excluded).collect(), Query::And)
    }

    fn not(&mut self, targets: &[Target], depth: usize) -> Result<Query, QueryError> {
        self.scanner.skip_space();
        if self.scanner.take_operator("NOT") || self.scanner.take('-') || self.scanner.take('!') {
            if depth == MAX_NESTING {
                return Err(fault(
                    self.scanner.at,
                    format!("is nested too deep; at most {MAX_NESTING} levels are read"),
                ));
            }
            return Ok(Query::Not(Box::new(self.not(targets, depth + 1)?)));
        }
        self.scanner.take('+');
        self.primary(targets, depth)
    }

    fn primary(&mut self, targets: &[Target], depth: usize) -> Result<Query, QueryError> {
        let start = self.scanner.at;
        match self.scanner.peek() {
            None => return Err(fault(start, "ends where a word or a condition is expected")),
            Some(')') => return Err(fault(start, "a word or a condition is expected before the parenthesis")),
            Some('(') => return self.group(targets, depth),
            _ => {}
        }
        for operator in ["AND", "OR"] {
            if self.scanner.take_operator(operator) {
                return Err(fault(start, format!("a word or a condition is expected before {operator}")));
            }
        }
        if *targets != [Target::Content] {
            return self.condition(targets, start);
        }
        match self.scanner.take_field() {
            None => self.condition(targets, start),
            Some(name) if name == "_exists_" => self.exists(start),
            Some(name) => {
                let targets = self.targets(&name, start)?;
                match self.scanner.peek() {
                    Some('(') => self.group(&targets, depth),
                    None => Err(fault(self.scanner.at, format!("a value is expected after {name}:"))),
                    Some(c) if c.is_whitespace() || c == ')' => {
                        Err(fault(self.scanner.at, format!("a value is expected after {name}:, without a space")))
                    }
                    Some(_) => self.condition(&targets, start),
                }
            }
        }
    }

    fn group(&mut self, targets: &[Target], depth: usize) -> Result<Query, QueryError> {
        let start = self.scanner.at;
        if depth == MAX_NESTING {
            return Err(fault(start, format!("is nested too deep; at most {MAX_NESTING} levels are read")));
        }
        self.scanner.take('(');
        let query = self.or(targets, depth + 1)?;
        match self.scanner.take(')') {
            true => Ok(query),
            false => Err(fault(start, "a parenthesis is opened and not closed")),
        }
    }

    fn targets(&self, name: &str, at: usize) -> Result<Vec<Target>, QueryError> {
        resolve(name).ok_or_else(|| QueryError {
            suggestion: nearest(name),
            ..fault(at, format!("there is no field {name:?}; to search for text with a colon, put it in quotes"))
        })
    }

    fn exists(&mut self, start: usize) -> Result<Query, QueryError> {
        let at = self.scanner.at;
        let name = self.scanner.take_word()?.text();
        let targets = self.targets(&name, at)?;
        self.conditions(&targets, start, |_| Ok(Test::Exists))
    }

    fn condition(&mut self, targets: &[Target], start: usize) -> Result<Query, QueryError> {
        let now = self.now;
        match self.scanner.peek() {
            Some('"') => {
                let word = self.scanner.take_quoted()?;
                self.conditions(targets, start, |target| value::equals(target, &word, now))
            }
            Some('[' | '{') => self.bracket(targets, start),
            Some('<' | '>') => {
                let (lower, upper) = self.comparison()?;
                self.conditions(targets, start, |target| value::range(target, lower.clone(), upper.clone(), now))
            }
            _ => {
                let word = self.scanner.take_word()?;
                if word.is_star() && *targets == [Target::Content] {
                    return Ok(Query::All);
                }
                self.conditions(targets, start, |target| value::equals(target, &word, now))
            }
        }
    }

    /// `[a TO b]` is a range; brackets around anything else are text, since a pseudonym is written in them.
    fn bracket(&mut self, targets: &[Target], start: usize) -> Result<Query, QueryError> {
        let now = self.now;
        let at = self.scanner.at;
        let Some((open, text, close, end)) = self.scanner.bracketed() else {
            return Err(fault(at, "a bracket is opened and not closed"));
        };
        let Some((lower, upper)) = text.split_once(" TO ") else {
            if open != '[' || close != ']' {
                return Err(fault(at, "a range is written [a TO b] or {a TO b}"));
            }
            self.scanner.at = end;
            let word = Word::literal(&format!("[{text}]"));
            return self.conditions(targets, start, |target| value::equals(target, &word, now));
        };
        self.scanner.at = end;
        let lower = bound(lower, open == '[');
        let upper = bound(upper, close == ']');
        if (&lower, &upper) == (&Bound::Unbounded, &Bound::Unbounded) {
            return self.conditions(targets, start, |_| Ok(Test::Exists));
        }
        self.conditions(targets, start, |target| value::range(target, lower.clone(), upper.clone(), now))
    }

    fn comparison(&mut self) -> Result<(Bound<String>, Bound<String>), QueryError> {
        let greater = self.scanner.take('>') || !self.scanner.take('<');
        let inclusive = self.scanner.take('=');
        let at = self.scanner.at;
        let word = match self.scanner.peek() {
            Some('"') => self.scanner.take_quoted()?,
            _ => self.scanner.take_word()?,
        };
        let text = word.text();
        if text.is_empty() {
            return Err(fault(at, "a value is expected after the comparison"));
        }
        let bound = if inclusive { Bound::Included(text) } else { Bound::Excluded(text) };
        Ok(if greater { (bound, Bound::Unbounded) } else { (Bound::Unbounded, bound) })
    }

    /// The same test on each target, as alternatives.
    fn conditions(
        &mut self,
        targets: &[Target],
        position: usize,
        test: impl Fn(&Target) -> Result<Test, String>,
    ) -> Result<Query, QueryError> {
        self.clauses += 1;
        if self.clauses > MAX_CLAUSES {
            return Err(fault(position, format!("has too many conditions; at most {MAX_CLAUSES} are read")));
        }
        let condition = |target: &Target| {
            let test = test(target).map_err(|message| fault(position, message))?;
            Ok(Query::Is(Condition { target: target.clone(), test, position }))
        };
        Ok(join(targets.iter().map(condition).collect::<Result<_, QueryError>>()?, Query::Or))
    }
}

fn bound(text: &str, inclusive: bool) -> Bound<String> {
    let text = text.trim();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    match (text, inclusive) {
        ("*" | "", _) => Bound::Unbounded,
        (text, true) => Bound::Included(text.to_owned()),
        (text, false) => Bound::Excluded(text.to_owned()),
    }
}

fn join(mut queries: Vec<Query>, several: fn(Vec<Query>) -> Query) -> Query {
    match queries.len() {
        1 => queries.swap_remove(0),
        _ => several(queries),
    }
}

#[cfg(test)]
mod tests;
