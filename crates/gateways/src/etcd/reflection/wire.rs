//! `grpc.reflection.v1`, which is `v1alpha` under another name, and what it tells of descriptors
//! (`google.protobuf`, descriptor.proto): the fields that are used here.

use bytes::Bytes;
use prost::{Message, Oneof};

/// A question.
#[derive(Clone, PartialEq, Message)]
pub struct ReflectionRequest {
    #[prost(string, tag = "1")]
    pub host: String,
    #[prost(oneof = "Question", tags = "3, 4, 5, 6, 7")]
    pub question: Option<Question>,
}

/// What is asked for.
#[derive(Clone, PartialEq, Oneof)]
pub enum Question {
    /// A file by its name.
    #[prost(string, tag = "3")]
    FileByName(String),
    /// The file that declares a symbol.
    #[prost(string, tag = "4")]
    FileOfSymbol(String),
    /// The file that declares an extension: there are none.
    #[prost(message, tag = "5")]
    FileOfExtension(Extension),
    /// The numbers of a message's extensions.
    #[prost(string, tag = "6")]
    Extensions(String),
    /// All services.
    #[prost(string, tag = "7")]
    Services(String),
}

/// An extension.
#[derive(Clone, PartialEq, Message)]
pub struct Extension {
    #[prost(string, tag = "1")]
    pub of: String,
    #[prost(int32, tag = "2")]
    pub number: i32,
}

/// An answer.
#[derive(Clone, PartialEq, Message)]
pub struct ReflectionResponse {
    #[prost(string, tag = "1")]
    pub valid_host: String,
    #[prost(message, optional, tag = "2")]
    pub original: Option<ReflectionRequest>,
    #[prost(oneof = "Told", tags = "4, 5, 6, 7")]
    pub told: Option<Told>,
}

/// What is told.
#[derive(Clone, PartialEq, Oneof)]
pub enum Told {
    /// Encoded files.
    #[prost(message, tag = "4")]
    Files(Files),
    /// No extensions.
    #[prost(message, tag = "5")]
    Extensions(Numbers),
    /// All services.
    #[prost(message, tag = "6")]
    Services(Services),
    /// It is not known.
    #[prost(message, tag = "7")]
    Failed(Failed),
}

/// Encoded files: the one that was asked for, then those that it needs.
#[derive(Clone, PartialEq, Message)]
pub struct Files {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub files: Vec<Bytes>,
}

/// Numbers of extensions.
#[derive(Clone, PartialEq, Message)]
pub struct Numbers {
    #[prost(string, tag = "1")]
    pub of: String,
    #[prost(int32, repeated, tag = "2")]
    pub numbers: Vec<i32>,
}

/// Services.
#[derive(Clone, PartialEq, Message)]
pub struct Services {
    #[prost(message, repeated, tag = "1")]
    pub services: Vec<ServiceName>,
}

/// A service.
#[derive(Clone, PartialEq, Message)]
pub struct ServiceName {
    #[prost(string, tag = "1")]
    pub name: String,
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Message)]
pub struct Failed {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub text: String,
}

/// `FileDescriptorProto`.
#[derive(Clone, PartialEq, Message)]
pub struct File {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub package: String,
    #[prost(string, repeated, tag = "3")]
    pub needs: Vec<String>,
    #[prost(message, repeated, tag = "4")]
    pub messages: Vec<Descriptor>,
    #[prost(message, repeated, tag = "6")]
    pub services: Vec<Service>,
    #[prost(string, tag = "12")]
    pub syntax: String,
}

/// `DescriptorProto`.
#[derive(Clone, PartialEq, Message)]
pub struct Descriptor {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, repeated, tag = "2")]
    pub fields: Vec<Field>,
    #[prost(message, repeated, tag = "4")]
    pub enums: Vec<Enum>,
    #[prost(message, repeated, tag = "8")]
    pub choices: Vec<Choice>,
}

/// `OneofDescriptorProto`.
#[derive(Clone, PartialEq, Message)]
pub struct Choice {
    #[prost(string, tag = "1")]
    pub name: String,
}

/// `FieldDescriptorProto`.
#[derive(Clone, PartialEq, Message)]
pub struct Field {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(int32, tag = "3")]
    pub number: i32,
    #[prost(int32, tag = "4")]
    pub label: i32,
    #[prost(int32, tag = "5")]
    pub r#type: i32,
    #[prost(string, tag = "6")]
    pub type_name: String,
    /// Which choice of its message it belongs to. Told even if it is the first one.
    #[prost(int32, optional, tag = "9")]
    pub choice: Option<i32>,
}

/// `EnumDescriptorProto`.
#[derive(Clone, PartialEq, Message)]
pub struct Enum {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, repeated, tag = "2")]
    pub values: Vec<EnumValue>,
}

/// `EnumValueDescriptorProto`.
#[derive(Clone, PartialEq, Message)]
pub struct EnumValue {
    #[prost(string, tag = "1")]
    pub name: String,
    /// Told even if it is 0: here it has presence.
    #[prost(int32, optional, tag = "2")]
    pub number: Option<i32>,
}

/// `ServiceDescriptorProto`.
#[derive(Clone, PartialEq, Message)]
pub struct Service {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, repeated, tag = "2")]
    pub methods: Vec<Method>,
}

/// `MethodDescriptorProto`.
#[derive(Clone, PartialEq, Message)]
pub struct Method {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub input: String,
    #[prost(string, tag = "3")]
    pub output: String,
    #[prost(bool, tag = "5")]
    pub client_streams: bool,
    #[prost(bool, tag = "6")]
    pub server_streams: bool,
}
