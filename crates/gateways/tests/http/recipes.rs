//! Locks, semaphores, barriers, services and leases over HTTP, in front of a real program.

use std::{net::SocketAddr, time::Duration};

use contract::{Contract, Program};
use database::{Request, api::Control};
use gateways::{
    Backend,
    http::{Limits, serve},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{etcd::Fake, fake::exchange};

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}", self.body))
    }

    fn code(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().unwrap_or_default().to_owned())
    }
}

#[derive(Clone, Copy)]
struct Served(SocketAddr);

async fn start() -> Served {
    start_with(Fake::default()).await
}

async fn start_with(fake: Fake) -> Served {
    let create = Control::CreateKeyspace {
        name: "etcd".into(),
        contract: Contract::new(Program::Coordination),
    };
    let timeout = kernel::Duration::from_secs(1);
    fake.ask(Request::Control { control: create, request_id: None, timeout }).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, fake, Limits::default(), std::future::pending()));
    Served(address)
}

impl Served {
    async fn send(self, method: &str, target: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nhost: q\r\nconnection: close\r\n\
             content-length: {length}\r\n{headers}\r\n{body}"
        );
        let text = exchange(self.0, request.as_bytes()).await;
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    async fn post(self, target: &str, body: Value) -> Answer {
        self.send("POST", target, "", &body.to_string()).await
    }

    async fn get(self, target: &str) -> Answer {
        self.send("GET", target, "", "").await
    }

    async fn delete(self, target: &str) -> Answer {
        self.send("DELETE", target, "", "").await
    }

    async fn lease(self) -> String {
        let answer = self.post("/v1/leases/etcd", json!({ "ttl": "10s" })).await;
        assert_eq!((answer.status, answer.json()["ttl_s"].clone()), (201, json!(10)));
        answer.json()["lease"].as_str().unwrap().to_owned()
    }

    /// A request that is on its way when this returns.
    async fn waits(self, method: &'static str, target: String, body: Value) -> JoinHandle<Answer> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let task = tokio::spawn(async move { self.send(method, &target, "", &text).await });
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!task.is_finished(), "it waits");
        task
    }
}

#[tokio::test]
async fn an_answer_names_the_trace_under_which_everything_was_asked() {
    let fake = Fake::default();
    let served = start_with(fake.clone()).await;
    let ours = "traceparent: 00-000000000000000f00000000000000a1-00000000000000a1-01";
    let theirs = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (headers, told, id) in [
        (String::new(), ours, 0xf << 64 | 0xa1),
        (format!("{theirs}\r\n"), theirs, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736),
    ] {
        for (method, target, body) in [
            ("POST", "/v1/leases/etcd", r#"{"ttl":"30s"}"#),
            ("GET", "/v1/locks/etcd/l", ""),
            // One that is no recipe of its own until the keyspace says so.
            ("GET", "/v1/kv/etcd/k", ""),
            // One that asks twice: for a lease, and for the registration under it.
            ("PUT", "/v1/services/etcd/s/i?ttl=30s", ""),
            ("DELETE", "/v1/leases/etcd/7", ""),
        ] {
            let answer = served.send(method, target, &headers, body).await;
            assert!(answer.head.contains(told), "{method} {target}: {}", answer.head);
        }
        let asked = std::mem::take(&mut *fake.traces.lock().unwrap());
        assert!(asked.len() >= 6, "{asked:?}");
        assert!(asked.iter().all(|trace| trace.trace_id == id), "{asked:?}");
    }
}

#[tokio::test]
async fn a_lock_goes_from_hand_to_hand_and_its_token_guards_writes() {
    let served = start().await;
    let (one, two) = (served.lease().await, served.lease().await);
    let held = served.post("/v1/locks/etcd/jobs", json!({ "lease": one })).await;
    assert_eq!((held.status, held.json()["held"].clone()), (200, json!(true)));
    let first = held.json()["token"].as_i64().unwrap();
    let queued = served.post("/v1/locks/etcd/jobs", json!({ "lease": two })).await;
    assert_eq!((queued.status, queued.json()["held"].clone()), (202, json!(false)));

    let guard = |token: i64| format!("quorate-guard: jobs {token}\r\n");
    let write = served.send("PUT", "/v1/kv/etcd/state", &guard(first), "by one").await;
    assert_eq!(write.status, 204, "{}", write.body);
    let body = json!({ "lease": two, "wait": "20s" });
    let waiting = served.waits("POST", "/v1/locks/etcd/jobs".into(), body).await;
    let gone = served.delete(&format!("/v1/locks/etcd/jobs?lease={one}&token={first}")).await;
    assert_eq!(gone.status, 204, "{}", gone.body);
    let held = waiting.await.unwrap();
    let second = held.json()["token"].as_i64().unwrap();
    assert!(held.status == 200 && second > first, "{}", held.body);

    let late = served.send("PUT", "/v1/kv/etcd/state", &guard(first), "by one, late").await;
    assert_eq!(late.code(), (412, "guard-failed".into()));
    assert_eq!(served.get("/v1/kv/etcd/state").await.body, "by one");
    let queue = served.get("/v1/locks/etcd/jobs").await.json();
    assert_eq!((&queue["holder"]["lease"], &queue["waiting"]), (&json!(two), &json!([])));
}

#[tokio::test]
async fn a_dead_holder_frees_what_it_held() {
    let served = start().await;
    let (one, two) = (served.lease().await, served.lease().await);
    let ask = |lease: &str| json!({ "lease": lease, "limit": 1, "wait": "20s" });
    assert_eq!(served.post("/v1/semaphores/etcd/s", ask(&one)).await.status, 200);
    let waiting = served.waits("POST", "/v1/semaphores/etcd/s".into(), ask(&two)).await;
    served.delete(&format!("/v1/leases/etcd/{one}")).await;
    let held = waiting.await.unwrap();
    assert_eq!((held.status, held.json()["held"].clone()), (200, json!(true)));
    let semaphore = served.get("/v1/semaphores/etcd/s").await.json();
    assert_eq!((&semaphore["permits"], &semaphore["places"][0]["lease"]), (&json!(1), &json!(two)));
    let token = semaphore["places"][0]["token"].as_i64().unwrap();
    let guard = format!("quorate-guard: quorate%2Fsemaphores%2Fs {token}\r\n");
    assert_eq!(served.send("PUT", "/v1/kv/etcd/k", &guard, "v").await.status, 204);
    let fewer = served.send("PUT", "/v1/semaphores/etcd/s", "", "{\"permits\":0}").await;
    assert_eq!(fewer.code(), (409, "semaphore-permits".into()));
}

#[tokio::test]
async fn a_place_is_kept_when_the_wait_is_over_and_gone_with_its_lease() {
    let served = start().await;
    let (one, two) = (served.lease().await, served.lease().await);
    served.post("/v1/locks/etcd/l", json!({ "lease": one })).await;
    let queued = served.post("/v1/locks/etcd/l", json!({ "lease": two, "wait": "50ms" })).await;
    assert_eq!(queued.status, 202);
    let again = served.post("/v1/locks/etcd/l", json!({ "lease": two })).await;
    assert_eq!(again.json()["token"], queued.json()["token"]);
    let body = json!({ "lease": two, "wait": "20s" });
    let waiting = served.waits("POST", "/v1/locks/etcd/l".into(), body).await;
    served.delete(&format!("/v1/leases/etcd/{two}")).await;
    assert_eq!(waiting.await.unwrap().code(), (404, "lease-not-found".into()));
}

#[tokio::test]
async fn barriers_hold_until_they_are_lifted_or_all_are_there() {
    let served = start().await;
    assert_eq!(served.send("PUT", "/v1/barriers/etcd/b", "", "").await.json()["changed"], true);
    let short = served.get("/v1/barriers/etcd/b?wait=50ms").await;
    assert_eq!((short.status, short.json()["raised"].clone()), (202, json!(true)));
    let waiting = served.waits("GET", "/v1/barriers/etcd/b?wait=20s".into(), Value::Null).await;
    served.delete("/v1/barriers/etcd/b").await;
    let down = waiting.await.unwrap();
    assert_eq!((down.status, down.json()["raised"].clone()), (200, json!(false)));

    let (one, two) = (served.lease().await, served.lease().await);
    let path = "/v1/double-barriers/etcd/d";
    let enter = |lease: &str| json!({ "lease": lease, "count": 2, "wait": "20s" });
    let first = served.waits("POST", path.into(), enter(&one)).await;
    let second = served.post(path, enter(&two)).await;
    assert_eq!((second.status, second.json()["open"].clone()), (200, json!(true)));
    assert_eq!(first.await.unwrap().status, 200);
    let leave = |lease: &str| format!("{path}?lease={lease}&wait=20s");
    let first = served.waits("DELETE", leave(&one), Value::Null).await;
    assert_eq!(served.delete(&leave(&two)).await.status, 200);
    assert_eq!(first.await.unwrap().json()["members"], 0);
}

#[tokio::test]
async fn instances_come_change_and_go_and_who_waits_is_told() {
    let served = start().await;
    let path = "/v1/services/etcd/web";
    let at = format!("{path}/a?ttl=10s");
    let registered = served.send("PUT", &at, "", "10.0.0.1:80").await;
    assert_eq!(registered.status, 201, "{}", registered.body);
    let lease = registered.json()["lease"].as_str().unwrap().to_owned();
    let list = served.get(&format!("{path}?passing")).await.json();
    assert_eq!(list["instances"][0]["value"], "10.0.0.1:80");
    let seen = list["revision"].as_i64().unwrap();

    let target = format!("{path}?after={seen}&wait=20s");
    assert_eq!(served.get(&format!("{path}?after={seen}&wait=50ms")).await.status, 202);
    let waiting = served.waits("GET", target.clone(), Value::Null).await;
    served.send("PUT", "/v1/kv/etcd/elsewhere", "", "x").await;
    let beat = json!({ "lease": lease, "health": "warning", "note": "disk" });
    let kept = served.post(&format!("{path}/a/heartbeat"), beat.clone()).await;
    assert_eq!((kept.status, kept.json()["changed"].clone()), (200, json!(true)));
    let told = waiting.await.unwrap().json();
    assert_eq!(told["instances"][0]["health"], "warning");
    assert_eq!(served.get(&target).await.json()["instances"][0]["note"], "disk", "at once");
    let same = served.post(&format!("{path}/a/heartbeat"), beat).await;
    assert_eq!(same.json()["changed"], false);

    let stolen = served.send("PUT", &at, "", "10.0.0.2:80").await;
    assert_eq!(stolen.code(), (409, "instance-taken".into()));
    served.delete(&format!("/v1/leases/etcd/{lease}")).await;
    assert_eq!(served.get(path).await.json()["instances"], json!([]));
    let late = served.post(&format!("{path}/a/heartbeat"), json!({ "lease": lease })).await;
    assert_eq!(late.code(), (404, "lease-not-found".into()));
}

#[tokio::test]
async fn who_leads_is_told_and_waited_for() {
    let served = start().await;
    let path = "/v1/elections/etcd/chief";
    assert_eq!(served.get(path).await.code(), (404, "no-candidate".into()));
    let waiting = served.waits("GET", format!("{path}?wait=20s"), Value::Null).await;
    let lease = served.lease().await;
    let won = served.post(path, json!({ "lease": lease, "value": "n1" })).await;
    assert_eq!((won.status, won.json()["held"].clone()), (200, json!(true)));
    let told = waiting.await.unwrap().json();
    assert_eq!(told["leader"]["value"], "n1");
    let changed = told["leader"]["changed"].as_i64().unwrap();
    let target = format!("{path}?after={changed}&wait=20s");
    let waiting = served.waits("GET", target, Value::Null).await;
    served.post(path, json!({ "lease": lease, "value": "n1, again" })).await;
    assert_eq!(waiting.await.unwrap().json()["leader"]["value"], "n1, again");
}

#[tokio::test]
async fn keys_are_made_once_compared_and_numbered() {
    let served = start().await;
    let lease = served.lease().await;
    let target = format!("/v1/kv/etcd/job-?sequential&lease={lease}");
    let made = served.send("POST", &target, "", "a").await;
    let (key, token) = (made.json()["key"].clone(), made.json()["token"].as_i64().unwrap());
    assert_eq!((made.status, key), (201, json!(format!("job-{token:019}"))));
    let put = |headers: &'static str| served.send("PUT", "/v1/kv/etcd/k", headers, "v");
    assert_eq!(put("if-none-match: *\r\n").await.status, 201);
    assert_eq!(put("if-none-match: *\r\n").await.code(), (412, "condition-failed".into()));
    assert_eq!(put("if-match: \"r1\"\r\n").await.code(), (412, "condition-failed".into()));
    let found = served.get("/v1/kv/etcd/k").await;
    let tag = found.head.split("etag: ").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap();
    let matches = format!("if-match: {tag}\r\n");
    assert_eq!(served.send("PUT", "/v1/kv/etcd/k", &matches, "w").await.status, 204);
    assert_eq!(served.send("DELETE", "/v1/kv/etcd/k", &matches, "").await.status, 412);
    assert_eq!(served.delete("/v1/kv/etcd/k").await.status, 204);
    assert_eq!(served.get("/v1/kv/etcd/k").await.code(), (404, "key-not-found".into()));
}

#[tokio::test]
async fn a_guard_that_cannot_be_checked_is_refused_and_so_is_what_is_no_lease() {
    let served = start().await;
    let guard = "quorate-guard: jobs 7\r\n";
    let counter = served.send("POST", "/v1/counters/etcd/c/increment", guard, "").await;
    assert_eq!(counter.code(), (409, "guard-elsewhere".into()));
    let lock = served.post("/v1/locks/etcd/l", json!({ "lease": "7" })).await;
    assert_eq!(lock.code(), (404, "lease-not-found".into()));
    let lock = served.post("/v1/locks/etcd/l", json!({ "lease": "x" })).await;
    assert_eq!(lock.code(), (400, "invalid-parameter".into()));
    let lock = served.post("/v1/locks/etcd/l", json!({})).await;
    assert_eq!(lock.code(), (400, "invalid-body".into()));
    let barrier = served.send("PUT", "/v1/barriers/etcd/a%2Fb", "", "").await;
    assert_eq!(barrier.code(), (400, "invalid-parameter".into()));
    let wait = served.get("/v1/barriers/etcd/b?wait=2h").await;
    assert_eq!(wait.code(), (400, "invalid-parameter".into()));
}
