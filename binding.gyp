# The product's build. CMakeLists.txt is the developers' build (sanitizers, compile_commands.json); scripts/check-drift.mjs
# compares the two, and reads this file as JSON once these comment lines are gone.
{
  "targets": [
    {
      "target_name": "ostree",
      "sources": ["<!@(find src-native -name '*.cc' | LC_ALL=C sort)"],
      "include_dirs": ["src-native"],
      "defines": [
        "NAPI_VERSION=8",
        "NAPI_CPP_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
      ],
      "cflags!": ["-Wno-unused-parameter"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": [
        "-std=c++20",
        "-fexceptions",
        "-Wall",
        "-Wextra",
        "-fvisibility=hidden",
        "-pthread",
        "-isystem<!(node -p \"require('path').dirname(require.resolve('node-addon-api'))\")",
        "<!@(pkg-config --cflags ostree-1 gio-unix-2.0 | sed 's/-I/-isystem/g')"
      ],
      "ldflags": ["-Wl,-z,nodelete", "-pthread"],
      "libraries": ["<!@(pkg-config --libs ostree-1 gio-unix-2.0)", "-ldl"]
    }
  ]
}
