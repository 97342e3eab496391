//! `grpc.reflection`: one answer for each question.

use crate::etcd::{
    grpc::{Code, Status, frame},
    map,
    reflection::{ReflectionRequest, answer},
    serve::{Inbound, Reply},
};

/// Answers until the caller has no more questions.
pub async fn reflect(mut inbound: Inbound, mut reply: Reply) {
    loop {
        let questions = match inbound.next().await {
            Ok(Some(questions)) => questions,
            Ok(None) => return reply.end(Status::new(Code::Ok, "")),
            Err(status) => return reply.end(status),
        };
        for question in questions {
            let told = match map::decode::<ReflectionRequest>(&question) {
                Ok(question) => answer(question),
                Err(status) => return reply.end(status),
            };
            if reply.send(frame(&told)).await.is_err() {
                return;
            }
        }
    }
}
