// The engine over the real system, without Node.
#include "engine_adopt_cases.h"
#include "engine_chain_cases.h"
#include "engine_datagram_cases.h"
#include "engine_end_cases.h"
#include "engine_file_cases.h"
#include "engine_socket_cases.h"

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
