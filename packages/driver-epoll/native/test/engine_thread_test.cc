// The engine, its queues and its threads under ThreadSanitizer.
#include "engine_chain_cases.h"
#include "engine_end_cases.h"
#include "engine_file_cases.h"

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
