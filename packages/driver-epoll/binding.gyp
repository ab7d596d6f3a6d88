{
  "variables": {
    "asan%": 0,
    "addon_api": "<!(node -p \"require('path').dirname(require.resolve('node-addon-api'))\")"
  },
  "targets": [
    {
      "target_name": "driver_epoll",
      "sources": [
        "native/addon.cc",
        "native/engine_chains.cc",
        "native/engine_endings.cc",
        "native/engine_events.cc",
        "native/engine_files.cc",
        "native/engine_sockets.cc",
        "native/engine_splice.cc",
        "native/engine_start.cc"
      ],
      "include_dirs": [
        "native",
        "../core/native"
      ],
      "defines": ["NAPI_VERSION=9", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "cflags!": ["-fno-strict-aliasing"],
      "cflags": ["-fvisibility=hidden", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-isystem<(addon_api)"],
      "cflags_cc!": ["-std=gnu++17", "-fexceptions"],
      "cflags_cc": ["-std=c++20", "-fno-exceptions", "-fno-rtti"],
      "ldflags": ["-Wl,-z,nodelete", "-Wl,--exclude-libs,ALL", "-Wl,-z,noexecstack"],
      "conditions": [
        ["asan==1", { "cflags": ["-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-g", "-U_FORTIFY_SOURCE"], "ldflags": ["-fsanitize=address,undefined"] }]
      ]
    }
  ]
}
