/**
 * The messages of the protocol and of Triton's extensions as a client writes them down, for tests that need neither file of
 * others; field numbers are facts of the protocol. The test over the official file uses that instead.
 */
export const serviceProto = `
syntax = "proto3";
package inference;
service GRPCInferenceService {
  rpc ServerLive(Nothing) returns (ServerLiveResponse) {}
  rpc ServerReady(Nothing) returns (ServerReadyResponse) {}
  rpc ModelReady(Model) returns (ServerReadyResponse) {}
  rpc ServerMetadata(Nothing) returns (ServerMetadataResponse) {}
  rpc ModelMetadata(Model) returns (ModelMetadataResponse) {}
  rpc ModelInfer(ModelInferRequest) returns (ModelInferResponse) {}
  rpc RepositoryIndex(RepositoryIndexRequest) returns (RepositoryIndexResponse) {}
  rpc RepositoryModelLoad(Nothing) returns (Nothing) {}
  rpc RepositoryModelUnload(Nothing) returns (Nothing) {}
  rpc ModelStatistics(Model) returns (ModelStatisticsResponse) {}
  rpc ModelStreamInfer(ModelInferRequest) returns (Nothing) {}
}
message Nothing {}
message Model { string name = 1; string version = 2; }
message ServerLiveResponse { bool live = 1; }
message ServerReadyResponse { bool ready = 1; }
message ServerMetadataResponse { string name = 1; string version = 2; repeated string extensions = 3; }
message TensorMetadata { string name = 1; string datatype = 2; repeated int64 shape = 3; }
message ModelMetadataResponse {
  string name = 1; repeated string versions = 2; string platform = 3;
  repeated TensorMetadata inputs = 4; repeated TensorMetadata outputs = 5; map<string, string> properties = 6;
}
message Tensor {
  string name = 1; string datatype = 2; repeated int64 shape = 3; map<string, InferParameter> parameters = 4;
  InferTensorContents contents = 5;
}
message RequestedOutput { string name = 1; map<string, InferParameter> parameters = 2; }
message ModelInferRequest {
  string model_name = 1; string model_version = 2; string id = 3; map<string, InferParameter> parameters = 4;
  repeated Tensor inputs = 5; repeated RequestedOutput outputs = 6; repeated bytes raw_input_contents = 7;
}
message ModelInferResponse {
  string model_name = 1; string model_version = 2; string id = 3; map<string, InferParameter> parameters = 4;
  repeated Tensor outputs = 5; repeated bytes raw_output_contents = 6;
}
message InferParameter {
  oneof parameter_choice {
    bool bool_param = 1; int64 int64_param = 2; string string_param = 3; double double_param = 4; uint64 uint64_param = 5;
  }
}
message InferTensorContents {
  repeated bool bool_contents = 1; repeated int32 int_contents = 2; repeated int64 int64_contents = 3;
  repeated uint32 uint_contents = 4; repeated uint64 uint64_contents = 5; repeated float fp32_contents = 6;
  repeated double fp64_contents = 7; repeated bytes bytes_contents = 8;
}
message RepositoryIndexRequest { string repository_name = 1; bool ready = 2; }
message ModelIndex { string name = 1; string version = 2; string state = 3; string reason = 4; }
message RepositoryIndexResponse { repeated ModelIndex models = 1; }
message Duration { uint64 count = 1; uint64 ns = 2; }
message InferStatistics {
  Duration success = 1; Duration fail = 2; Duration queue = 3; Duration compute_input = 4; Duration compute_infer = 5;
  Duration compute_output = 6;
}
message BatchStatistics { uint64 batch_size = 1; Duration compute_input = 2; Duration compute_infer = 3; Duration compute_output = 4; }
message ModelStatistics {
  string name = 1; string version = 2; uint64 last_inference = 3; uint64 inference_count = 4; uint64 execution_count = 5;
  InferStatistics inference_stats = 6; repeated BatchStatistics batch_stats = 7;
}
message ModelStatisticsResponse { repeated ModelStatistics model_stats = 1; }
`
