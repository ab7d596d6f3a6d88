// Records that nobody should write: what the engine makes of them.
#include <unistd.h>

#include "bench.h"

using namespace baton;
using namespace baton::uring;
using namespace baton::uring::test;

#include "engine_record_cases.h"

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
