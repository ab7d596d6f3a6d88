// Records that nobody should write: what the engine makes of them.
#include <unistd.h>

#include "bench.h"

using namespace baton;
using namespace baton::epoll;
using namespace baton::epoll::test;

#include "engine_record_cases.h"

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
