"""`grpcio-reflection`: a client without definitions reads them from the server, puts and reads a key
with what it was told, and finds every method of every service.
"""

import argparse

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

SERVICES = {
    "etcdserverpb.Auth": 17,
    "etcdserverpb.Cluster": 1,
    "etcdserverpb.KV": 5,
    "etcdserverpb.Lease": 5,
    "etcdserverpb.Maintenance": 7,
    "etcdserverpb.Watch": 1,
    "grpc.health.v1.Health": 2,
    "v3electionpb.Election": 5,
    "v3lockpb.Lock": 2,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", required=True)
    channel = grpc.insecure_channel(parser.parse_args().endpoint)
    told = ProtoReflectionDescriptorDatabase(channel)
    pool = DescriptorPool(told)
    services = {name: pool.FindServiceByName(name) for name in told.get_services()}
    found = {name: len(service.methods) for name, service in services.items()}
    assert found == SERVICES, found

    def call(service, name, **fields):
        method = services[service].methods_by_name[name]
        request = message_factory.GetMessageClass(method.input_type)
        response = message_factory.GetMessageClass(method.output_type)
        return channel.unary_unary(
            f"/{service}/{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )(request(**fields))

    call("etcdserverpb.KV", "Put", key=b"told", value=b"by reflection")
    read = call("etcdserverpb.KV", "Range", key=b"told", sort_order=1)
    assert read.kvs[0].value == b"by reflection", read
    compare = pool.FindMessageTypeByName("etcdserverpb.Compare")
    unset = message_factory.GetMessageClass(compare)(key=b"told")
    assert unset.WhichOneof("target_union") is None
    # Zero says something where it was chosen.
    chosen = message_factory.GetMessageClass(compare)(key=b"told", target=0, version=0)
    assert chosen.WhichOneof("target_union") == "version"
    failure = [{"request_range": {"key": b"told"}}]
    txn = call("etcdserverpb.KV", "Txn", compare=[chosen], failure=failure)
    assert not txn.succeeded and txn.responses[0].WhichOneof("response") == "response_range", txn
    print(f"{sum(found.values())} methods of {len(found)} services are described")


main()
