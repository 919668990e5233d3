#pragma once

#include "net/network.h"
#include "rpc/frame_io.h"
#include "rpc/hello.h"

namespace kelp {

/// Plays the client's side of rpc/hello.h. The caller closes the stream when it takes too long.
/// Errors: kUnauthenticated, kPermissionDenied (also when the server says so), kCorruption, and
/// those of the stream.
Task<Result<void>> greet_server(Stream& stream, FrameReader& reader, ClientHello hello);

/// Plays the server's side; tells the client why before it returns an error.
Task<Result<void>> greet_client(Stream& stream, FrameReader& reader, ServerHello hello);

}  // namespace kelp
