//! `grpc.reflection`: one answer for each question.

use crate::etcd::{
    grpc::frame,
    map,
    reflection::{ReflectionRequest, answer},
    serve::{Ended, Inbound, Reply},
};

/// Answers until the caller has no more questions.
///
/// # Errors
/// If one is none, or the caller has gone.
pub async fn reflect(mut inbound: Inbound, reply: &mut Reply) -> Result<(), Ended> {
    while let Some(questions) = inbound.next().await? {
        for question in questions {
            let told = answer(map::decode::<ReflectionRequest>(&question)?);
            reply.send(frame(&told)).await?;
        }
    }
    Ok(())
}
