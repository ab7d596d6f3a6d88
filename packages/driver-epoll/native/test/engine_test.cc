// The engine over the real system, without Node.
#include "engine_file_cases.h"

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
