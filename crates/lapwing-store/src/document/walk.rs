//! The walk over an event: serde shows each value, and the tree of the schema says where it goes. The event's JSON
//! tree is never made; only what has a structure of its own, as `attrs`, becomes one.

use std::fmt;

use serde::ser::{Impossible, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};

use super::{Leaf, Node, Writer};
use lapwing_event::IndexAs;

/// Hands every field of `event` to the writer.
pub(super) fn walk(event: &impl Serialize, root: &'static Node, writer: &mut Writer<'_>) {
    event.serialize(Place { node: root, in_list: false, writer }).expect("an event is an object, which has a walk");
}

/// A place in the tree, for the value that stands there.
struct Place<'w, 'f> {
    node: &'static Node,
    /// Whether the value is one of several of its field.
    in_list: bool,
    writer: &'w mut Writer<'f>,
}

impl Place<'_, '_> {
    /// The field to which a scalar at this place belongs; it is noted, if no list did that.
    fn leaf(&mut self) -> Option<&'static Leaf> {
        let leaf = self.node.leaf.as_ref()?;
        if !self.in_list {
            self.writer.note(leaf);
        }
        Some(leaf)
    }

    fn number(mut self, number: f64) -> Result<(), Structured> {
        if let Some(leaf) = self.leaf() {
            self.writer.number(leaf, number);
        }
        Ok(())
    }
}

/// The value is no scalar and no list of scalars: it needs its JSON tree.
#[derive(Debug)]
struct Structured;

impl fmt::Display for Structured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("value has a structure of its own")
    }
}

impl std::error::Error for Structured {}

impl serde::ser::Error for Structured {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Numbers of every width are one kind of number.
macro_rules! numbers {
    ($($name:ident: $type:ty),+) => {
        $(fn $name(self, number: $type) -> Result<(), Structured> {
            self.number(number as f64)
        })+
    };
}

impl<'w, 'f> Serializer for Place<'w, 'f> {
    type Ok = ();
    type Error = Structured;
    type SerializeSeq = List<'w, 'f>;
    type SerializeTuple = Impossible<(), Structured>;
    type SerializeTupleStruct = Impossible<(), Structured>;
    type SerializeTupleVariant = Impossible<(), Structured>;
    type SerializeMap = Impossible<(), Structured>;
    type SerializeStruct = Section<'w, 'f>;
    type SerializeStructVariant = Impossible<(), Structured>;

    numbers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_f32: f32, serialize_f64: f64
    }

    fn serialize_bool(mut self, value: bool) -> Result<(), Structured> {
        if let Some(leaf) = self.leaf() {
            self.writer.boolean(leaf, value);
        }
        Ok(())
    }

    fn serialize_str(mut self, text: &str) -> Result<(), Structured> {
        if let Some(leaf) = self.leaf() {
            self.writer.text(leaf, text);
        }
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Structured> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Structured> {
        self.serialize_str(variant)
    }

    fn serialize_none(self) -> Result<(), Structured> {
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Structured> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Structured> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Structured> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Structured> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'w, 'f>, Structured> {
        match &self.node.leaf {
            // The words of a text's list are one text.
            Some(leaf) if leaf.field.index == IndexAs::Text => Err(Structured),
            _ => Ok(List { place: self }),
        }
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Section<'w, 'f>, Structured> {
        match &self.node.leaf {
            Some(_) => Err(Structured),
            None => Ok(Section { node: self.node, writer: self.writer }),
        }
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Structured> {
        Err(Structured)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Structured> {
        Err(Structured)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Structured> {
        Err(Structured)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Structured> {
        Err(Structured)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Structured> {
        Err(Structured)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Structured> {
        Err(Structured)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Structured> {
        Err(Structured)
    }
}

/// A section of the event, or the event itself.
struct Section<'w, 'f> {
    node: &'static Node,
    writer: &'w mut Writer<'f>,
}

impl SerializeStruct for Section<'_, '_> {
    type Ok = ();
    type Error = Structured;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Structured> {
        let Some(node) = self.node.children.get(name) else { return Ok(()) };
        let writer = &mut *self.writer;
        match (value.serialize(Place { node, in_list: false, writer }), &node.leaf) {
            (Err(Structured), Some(leaf)) => {
                let tree = serde_json::to_value(value).map_err(|_| Structured)?;
                self.writer.tree(leaf, tree);
                Ok(())
            }
            (walked, _) => walked,
        }
    }

    fn end(self) -> Result<(), Structured> {
        Ok(())
    }
}

/// The values of a field that has several.
struct List<'w, 'f> {
    place: Place<'w, 'f>,
}

impl SerializeSeq for List<'_, '_> {
    type Ok = ();
    type Error = Structured;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Structured> {
        // Noted with its first value: an empty list is no value.
        self.place.leaf();
        self.place.in_list = true;
        let place = Place { node: self.place.node, in_list: true, writer: self.place.writer };
        match value.serialize(place) {
            // A list of objects is kept and not searched.
            Ok(()) | Err(Structured) => Ok(()),
        }
    }

    fn end(self) -> Result<(), Structured> {
        Ok(())
    }
}
