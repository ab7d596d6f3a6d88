// A test is a function; a failed expectation names itself and lets the others run. Small, because the engines are
// tested without Node and without anything else that would have to be installed.
#ifndef BATON_TEST_HARNESS_H_
#define BATON_TEST_HARNESS_H_

#include <cstdio>
#include <cstring>
#include <vector>

namespace baton::test {

struct Case {
  const char* name;
  void (*run)();
};

struct State {
  std::vector<Case> cases;
  int failures = 0;
  bool current_failed = false;
};

inline State& TestState() {
  static State state;
  return state;
}

struct Registration {
  Registration(const char* name, void (*run)()) { TestState().cases.push_back({name, run}); }
};

inline void Fail(const char* file, int line, const char* text) {
  std::printf("    %s:%d: %s\n", file, line, text);
  TestState().current_failed = true;
}

// Runs every test; with an argument those whose names contain it, and names those that pass. The last line of output
// counts them.
inline int RunAll(int argc, char** argv) {
  // A program that is ended by a sanitizer must not take its last lines with it.
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  int passed = 0;
  State& state = TestState();
  for (const Case& test : state.cases) {
    if (argc > 1 && std::strstr(test.name, argv[1]) == nullptr) continue;
    state.current_failed = false;
    test.run();
    if (state.current_failed) {
      state.failures++;
      std::printf("  failed: %s\n", test.name);
    } else {
      if (argc > 1) std::printf("  passed: %s\n", test.name);
      passed++;
    }
  }
  if (argc > 1 && passed + state.failures == 0) std::printf("  not there: %s\n", argv[1]);
  std::printf("%d passed, %d failed\n", passed, state.failures);
  return state.failures == 0 ? 0 : 1;
}

}  // namespace baton::test

#define BATON_TEST_NAME2(line) BatonTest##line
#define BATON_TEST_NAME(line) BATON_TEST_NAME2(line)
#define BATON_REGISTRATION2(line) baton_registration_##line
#define BATON_REGISTRATION(line) BATON_REGISTRATION2(line)

#define TEST(sentence)                                                                                        \
  static void BATON_TEST_NAME(__LINE__)();                                                                    \
  static const ::baton::test::Registration BATON_REGISTRATION(__LINE__)(sentence, BATON_TEST_NAME(__LINE__)); \
  static void BATON_TEST_NAME(__LINE__)()

#define EXPECT(condition)                                                                \
  do {                                                                                   \
    if (!(condition)) ::baton::test::Fail(__FILE__, __LINE__, "EXPECT(" #condition ")"); \
  } while (false)

#endif  // BATON_TEST_HARNESS_H_
