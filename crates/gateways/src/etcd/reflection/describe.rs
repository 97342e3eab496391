//! Descriptors, and answers with them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use prost::Message;

use super::{
    catalog::{Named, SERVICES},
    wire::{
        Choice, Descriptor, Enum, EnumValue, Failed, Field, File, Files, Method, Numbers, Question,
        ReflectionRequest, ReflectionResponse, Service, ServiceName, Services, Told,
    },
};
use crate::etcd::json::schema::{self, Kind};

/// `NOT_FOUND` of gRPC.
const NOT_FOUND: i32 = 5;

/// All files by name: one for each package.
static FILES: LazyLock<BTreeMap<String, File>> = LazyLock::new(files);

/// Answers a question.
pub fn answer(request: ReflectionRequest) -> ReflectionResponse {
    let told = match &request.question {
        Some(Question::FileByName(name)) => file(FILES.get(name), name),
        Some(Question::FileOfSymbol(symbol)) => {
            file(FILES.values().find(|file| declares(file, symbol)), symbol)
        }
        Some(Question::Services(_)) => {
            let name =
                |service: &super::catalog::Service| ServiceName { name: service.name.into() };
            Told::Services(Services { services: SERVICES.iter().map(name).collect() })
        }
        Some(Question::Extensions(of)) => {
            Told::Extensions(Numbers { of: of.clone(), numbers: Vec::new() })
        }
        Some(Question::FileOfExtension(extension)) => unknown(&extension.of),
        None => unknown("an empty question"),
    };
    let valid_host = request.host.clone();
    ReflectionResponse { valid_host, original: Some(request), told: Some(told) }
}

fn unknown(what: &str) -> Told {
    Told::Failed(Failed { code: NOT_FOUND, text: format!("not known here: {what}") })
}

/// A file and all that it needs.
fn file(found: Option<&File>, what: &str) -> Told {
    let Some(found) = found else { return unknown(what) };
    let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
    let mut open = vec![found];
    while let Some(file) = open.pop() {
        if seen.insert(&file.name) {
            all.push(file.encode_to_vec().into());
            open.extend(file.needs.iter().filter_map(|name| FILES.get(name)));
        }
    }
    Told::Files(Files { files: all })
}

/// Whether a file declares a service, a method, a message or an enum of one.
fn declares(file: &File, symbol: &str) -> bool {
    let Some(rest) = symbol.strip_prefix(&file.package).and_then(|rest| rest.strip_prefix('.'))
    else {
        return false;
    };
    let (first, inner) = rest.split_once('.').map_or((rest, None), |(a, b)| (a, Some(b)));
    let service = file.services.iter().find(|service| service.name == first);
    let message = file.messages.iter().find(|message| message.name == first);
    match (service, message, inner) {
        (Some(_), _, None) | (_, Some(_), None) => true,
        (Some(service), _, Some(name)) => service.methods.iter().any(|method| method.name == name),
        (_, Some(message), Some(name)) => {
            let field = message.fields.iter().any(|field| field.name == name);
            field || message.enums.iter().any(|of| of.name == name)
        }
        (None, None, _) => false,
    }
}

/// Package and name.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

fn file_name(package: &str) -> String {
    format!("{}.proto", package.replace('.', "/"))
}

fn files() -> BTreeMap<String, File> {
    let mut files: BTreeMap<String, File> = BTreeMap::new();
    let mut done = BTreeSet::new();
    for service in SERVICES {
        let (package, name) = split(service.name);
        let mut methods = Vec::new();
        for method in service.methods {
            declare(&mut files, &mut done, method.input);
            declare(&mut files, &mut done, method.output);
            needs(&mut files, package, method.input.name);
            needs(&mut files, package, method.output.name);
            methods.push(Method {
                name: method.name.into(),
                input: format!(".{}", method.input.name),
                output: format!(".{}", method.output.name),
                client_streams: method.streams.0,
                server_streams: method.streams.1,
            });
        }
        of(&mut files, package).services.push(Service { name: name.into(), methods });
    }
    files
}

fn of<'f>(files: &'f mut BTreeMap<String, File>, package: &str) -> &'f mut File {
    let name = file_name(package);
    files.entry(name.clone()).or_insert_with(|| File {
        name,
        package: package.into(),
        syntax: "proto3".into(),
        ..File::default()
    })
}

/// Notes that a package uses a message of another one.
fn needs(files: &mut BTreeMap<String, File>, package: &str, used: &str) {
    let (other, _) = split(used);
    let (name, file) = (file_name(other), of(files, package));
    if other != package && !file.needs.contains(&name) {
        file.needs.push(name);
    }
}

/// Declares a message and all that it holds.
fn declare(files: &mut BTreeMap<String, File>, done: &mut BTreeSet<&'static str>, named: Named) {
    if !done.insert(named.name) {
        return;
    }
    let (package, name) = split(named.name);
    for field in named.message.fields {
        if let Kind::Message(message) = field.kind {
            declare(files, done, Named { name: message.name, message });
            needs(files, package, message.name);
        }
    }
    let mut choices: Vec<_> =
        named.message.fields.iter().filter_map(|field| field.choice).collect();
    choices.dedup();
    let field = |field| self::field(named.name, field, &choices);
    let fields = named.message.fields.iter().map(field).collect();
    let enums = named.message.fields.iter().filter_map(enumeration).collect();
    let choices = choices.iter().map(|name| Choice { name: (*name).into() }).collect();
    let message = Descriptor { name: name.into(), fields, enums, choices };
    of(files, package).messages.push(message);
}

/// A field's name as the name of a type.
fn type_of(field: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or(String::new(), |first| {
            first.to_uppercase().collect::<String>() + letters.as_str()
        })
    };
    field.split('_').map(capital).collect()
}

fn field(within: &str, field: &schema::Field, choices: &[&str]) -> Field {
    let place = |choice: &str| choices.iter().position(|name| *name == choice);
    let (number, type_name) = match field.kind {
        Kind::Int64 => (3, String::new()),
        Kind::Uint64 => (4, String::new()),
        Kind::Bool => (8, String::new()),
        Kind::Text => (9, String::new()),
        Kind::Message(message) => (11, format!(".{}", message.name)),
        Kind::Bytes => (12, String::new()),
        Kind::Uint32 => (13, String::new()),
        Kind::Enum(_) => (14, format!(".{within}.{}", type_of(field.name))),
    };
    Field {
        name: field.name.into(),
        // Numbers of fields are small.
        number: i32::try_from(field.number).unwrap_or(0),
        label: if field.repeated { 3 } else { 1 },
        r#type: number,
        type_name,
        choice: field.choice.and_then(place).and_then(|place| i32::try_from(place).ok()),
    }
}

fn enumeration(field: &schema::Field) -> Option<Enum> {
    let Kind::Enum(names) = field.kind else { return None };
    let value =
        |(number, name): (i32, &&str)| EnumValue { name: (*name).into(), number: Some(number) };
    let values = (0..).zip(names).map(value).collect();
    Some(Enum { name: type_of(field.name), values })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(question: Question) -> Told {
        let request = ReflectionRequest { host: String::new(), question: Some(question) };
        answer(request).told.unwrap()
    }

    fn read(told: Told) -> Vec<File> {
        match told {
            Told::Files(files) => {
                files.files.iter().map(|file| File::decode(file.clone()).unwrap()).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn whatever_a_file_names_is_in_the_files_that_come_with_it() {
        for service in SERVICES {
            let files = read(told(Question::FileOfSymbol(service.name.into())));
            let mut known = BTreeSet::new();
            for file in &files {
                for message in &file.messages {
                    let name = format!(".{}.{}", file.package, message.name);
                    known.extend(message.enums.iter().map(|of| format!("{name}.{}", of.name)));
                    assert!(known.insert(name), "declared once");
                }
            }
            let methods = files.iter().flat_map(|file| &file.services).flat_map(|of| &of.methods);
            let fields = files.iter().flat_map(|file| &file.messages).flat_map(|of| &of.fields);
            let used = methods.flat_map(|method| [&method.input, &method.output]);
            for name in used.chain(fields.map(|field| &field.type_name)) {
                assert!(name.is_empty() || known.contains(name), "{name}");
            }
        }
    }

    #[test]
    fn symbols_lead_to_their_files_and_others_nowhere() {
        for symbol in [
            "etcdserverpb.KV",
            "etcdserverpb.KV.Range",
            "etcdserverpb.RangeRequest",
            "etcdserverpb.RangeRequest.SortOrder",
            "mvccpb.KeyValue",
            "v3lockpb.LockRequest",
        ] {
            let files = read(told(Question::FileOfSymbol(symbol.into())));
            assert!(declares(&files[0], symbol), "{symbol}");
            let again = read(told(Question::FileByName(files[0].name.clone())));
            assert_eq!(again, files);
        }
        for symbol in ["", "etcdserverpb", "etcdserverpb.Nothing", "etcdserverpb.KV.Nothing"] {
            let failed = told(Question::FileOfSymbol(symbol.into()));
            assert!(matches!(failed, Told::Failed(of) if of.code == NOT_FOUND), "{symbol}");
        }
    }

    #[test]
    fn of_a_choice_at_most_one_field_is_set() {
        let file = &FILES["etcdserverpb.proto"];
        let choices = |name: &str| {
            let message = file.messages.iter().find(|message| message.name == name).unwrap();
            let names = message.choices.iter().map(|choice| choice.name.as_str());
            let of = message.fields.iter().filter(|field| field.choice == Some(0));
            (names.collect::<Vec<_>>(), of.map(|field| field.number).collect::<Vec<_>>())
        };
        assert_eq!(choices("Compare"), (vec!["target_union"], vec![4, 5, 6, 7, 8]));
        assert_eq!(choices("RequestOp"), (vec!["request"], vec![1, 2, 3, 4]));
        assert_eq!(choices("ResponseOp"), (vec!["response"], vec![1, 2, 3, 4]));
        assert_eq!(choices("WatchRequest"), (vec!["request_union"], vec![1, 2, 3]));
        assert_eq!(choices("PutRequest"), (vec![], vec![]));
    }

    #[test]
    fn a_descriptor_is_golden() {
        let file = &FILES["v3lockpb.proto"];
        let lock = file.messages.iter().find(|message| message.name == "LockRequest").unwrap();
        let field = |name: &[u8], tail: &[u8]| {
            [&[18, (8 + name.len()) as u8, 10, name.len() as u8], name, tail].concat()
        };
        let name = [&[10, 11][..], b"LockRequest"].concat();
        let fields =
            [field(b"name", &[24, 1, 32, 1, 40, 12]), field(b"lease", &[24, 2, 32, 1, 40, 3])];
        assert_eq!(lock.encode_to_vec(), [name, fields.concat()].concat());
    }
}
