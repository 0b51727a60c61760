#!/bin/sh
# Builds the native library into Maven's target folder, or with "test" builds and runs the native tests under sanitizers.
#   build.sh library <version> <target folder> <java home>
#   build.sh test <target folder>
#   build.sh test-clang <target folder> <java home>    the library and the tests by clang++; for the Maven profile slow
#   build.sh test-aarch64 <target folder>    cross-compiled, on qemu; for the Maven profile slow
set -eu
source=$(cd "$(dirname "$0")" && pwd)

missing=""
command -v cmake > /dev/null || missing="cmake"
command -v "${CXX:-c++}" > /dev/null || missing="$missing ${CXX:-c++}"
command -v make > /dev/null || missing="$missing make"
if [ -n "$missing" ]; then
    cat >&2 <<END
The native kernels of Rondo need g++ 12 or clang 14 or newer, make and cmake; not found: $missing
  Debian, Ubuntu:   apt-get install g++ make cmake
  Fedora, RHEL:     dnf install gcc-c++ make cmake
  macOS:            xcode-select --install && brew install cmake
Then run ./mvnw package again.
END
    exit 1
fi

# Output goes to a log, and to the screen only if the command fails.
quietly() {
    log=$1
    shift
    "$@" > "$log" 2>&1 || { cat "$log" >&2; exit 1; }
}

case "$1" in
library)
    version=$2 target=$3 java=$4 build=$3/native
    case "$(uname -s)" in Darwin) system=macos ;; *) system=$(uname -s | tr '[:upper:]' '[:lower:]') ;; esac
    case "$(uname -m)" in amd64) machine=x86_64 ;; arm64) machine=aarch64 ;; *) machine=$(uname -m) ;; esac
    mkdir -p "$target"
    export JAVA_HOME="$java"
    quietly "$build-configure.log" cmake -S "$source" -B "$build" -DRONDO_VERSION="$version"
    quietly "$build-build.log" cmake --build "$build" --parallel 2 --target rondo
    resources=$target/classes/native
    mkdir -p "$resources/$system-$machine"
    find "$resources" -name 'librondo-*' ! -name "librondo-$version.*" -exec rm {} +   # of an earlier version
    # Only what has changed is copied, so that an unchanged library leaves the jar unchanged.
    for library in "$build/librondo-$version".*; do
        cmp -s "$library" "$resources/$system-$machine/$(basename "$library")" || cp "$library" "$resources/$system-$machine/"
    done
    echo "$version" | cmp -s - "$resources/version" || echo "$version" > "$resources/version"
    ;;
test)
    build=$2/native-test
    mkdir -p "$2"
    quietly "$build-configure.log" cmake -S "$source" -B "$build" -DRONDO_JNI=OFF -DRONDO_SANITIZE=ON -DRONDO_TESTS="$source/../../test/native"
    quietly "$build-build.log" cmake --build "$build" --parallel 2
    cd "$build" && quietly "$build-run.log" ctest --output-on-failure
    ;;
test-clang)
    build=$2/native-test-clang
    command -v clang++ > /dev/null || { echo "The tests with clang need it: apt-get install clang" >&2; exit 1; }
    mkdir -p "$2"
    export JAVA_HOME="$3"
    quietly "$build-configure.log" cmake -S "$source" -B "$build" -DRONDO_TESTS="$source/../../test/native" -DCMAKE_CXX_COMPILER=clang++
    quietly "$build-build.log" cmake --build "$build" --parallel 2
    quietly "$build-run.log" "$build/kernels_test"
    ;;
test-aarch64)
    build=$2/native-test-aarch64
    command -v aarch64-linux-gnu-g++ > /dev/null && command -v qemu-aarch64 > /dev/null || {
        echo "The tests on aarch64 need a cross compiler and an emulator: apt-get install g++-aarch64-linux-gnu qemu-user" >&2
        exit 1
    }
    mkdir -p "$2"
    quietly "$build-configure.log" cmake -S "$source" -B "$build" -DRONDO_JNI=OFF -DRONDO_TESTS="$source/../../test/native" \
        -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -DCMAKE_EXE_LINKER_FLAGS=-static
    quietly "$build-build.log" cmake --build "$build" --parallel 2
    quietly "$build-run.log" qemu-aarch64 "$build/kernels_test"
    ;;
*)
    echo "build.sh $1: expected library, test, test-clang or test-aarch64" >&2
    exit 1
    ;;
esac
