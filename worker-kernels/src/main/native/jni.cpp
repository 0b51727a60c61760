// What NativeKernel.java and NativeLibrary.java call: the only file that knows Java. Memory is an address; an operation's
// operands are a long[] of sizes and offsets in the order of the record's components. Arrays are copied by region, never
// held: the collector is not kept waiting.
#include <jni.h>
#include <cstdlib>
#include <cstring>
#if defined(__linux__)
#include <sys/mman.h>
#endif
#include "kernel.h"

using namespace rondo;

namespace {

const Kernels& kernelsAt(jlong address) { return *reinterpret_cast<const Kernels*>(address); }
float* floatsAt(jlong memory, jlong offset = 0) { return reinterpret_cast<float*>(memory) + offset; }

// Reads a record component by component. Braces evaluate their elements in order.
class Record {
public:
    Record(JNIEnv* env, jlong memory, jlongArray values) : memory(memory) {
        env->GetLongArrayRegion(values, 0, env->GetArrayLength(values), components);
    }
    long size() { return long(components[next++]); }
    float* matrix() {
        jlong offset = components[next++];
        return offset < 0 ? nullptr : floatsAt(memory, offset);
    }

private:
    jlong memory;
    jlong components[32];   // more than any record has
    int next = 0;
};

Embedding embedding(JNIEnv* env, jlong memory, jlongArray values) {
    Record r(env, memory, values);
    return {r.size(), r.size(), r.size(), r.size(), r.matrix(), r.matrix(), r.matrix(), r.matrix()};
}

Recurrent recurrent(JNIEnv* env, jlong memory, jlongArray values) {
    Record r(env, memory, values);
    return {{r.size(), r.size(), r.size()}, r.size(), r.size(), r.size(), r.size(), r.size(), r.size(),
            r.matrix(), r.matrix(), r.matrix(), r.matrix(), r.matrix(), r.matrix(), r.matrix(), r.matrix(),
            r.matrix(), r.matrix(), r.matrix(), r.matrix(), r.matrix(), r.matrix(), r.matrix(), r.matrix(), r.matrix()};
}

Dense dense(JNIEnv* env, jlong memory, jlongArray values) {
    Record r(env, memory, values);
    return {r.size(), r.size(), r.size(), r.size(), r.matrix(), r.matrix(), r.matrix(), r.matrix(),
            r.matrix(), r.matrix(), r.matrix(), r.matrix(), r.matrix(), r.matrix(), r.matrix(),
            {r.matrix(), r.matrix(), r.matrix(), r.matrix(), r.matrix(), r.matrix(), r.matrix(), r.matrix(), r.matrix()}};
}

// Token ids, targets or lengths, where writeIds left them; -1 is null.
const int32_t* idsAt(jlong memory, jlong offset) { return offset < 0 ? nullptr : reinterpret_cast<const int32_t*>(floatsAt(memory, offset)); }

constexpr size_t HUGE_PAGE = size_t(2) << 20;
constexpr int GUARD = 16;                        // Layout.GUARD
constexpr uint32_t GUARD_WORD = 0x7fa5a5a5;      // a NaN, so that a read beyond a matrix shows as well

// Where the 16 canonical rows of a tensor lie that are columns 16*group.. of a panel: neighbours (dense layers, vanilla RNN), or
// those of the same 16 units in each gate (LSTM), `units` rows apart. Peepholes have no g.
enum Form : long { NEIGHBOURS, GATES, PEEPHOLES };
struct Rows16 { long first, count; };
Rows16 rowsOf(long form, long panel, long group, long units) {
    const long unit = form == NEIGHBOURS ? panel * PANEL + group * UNITS : panel * UNITS, left = units - unit;
    if (left <= 0 || (form == PEEPHOLES && group == 2)) return {0, 0};
    const long gate = form == NEIGHBOURS ? 0 : form == PEEPHOLES && group == 3 ? 2 : group;
    return {gate * units + unit, left < UNITS ? left : UNITS};
}

}  // namespace

#define LIBRARY(type, name) extern "C" JNIEXPORT type JNICALL Java_org_rondo_kernels_NativeLibrary_##name
#define KERNEL(type, name) extern "C" JNIEXPORT type JNICALL Java_org_rondo_kernels_NativeKernel_##name
// A thread's part of an operation; the operation returns whether there is another phase.
#define PART jint phase, jint part, jint parts

LIBRARY(jstring, compiledVersion)(JNIEnv* env, jclass) { return env->NewStringUTF(RONDO_VERSION); }

// The address of the table of operations of the index-th instruction set, best first; 0 beyond the last.
LIBRARY(jlong, kernels)(JNIEnv*, jclass, jint index) {
    const Kernels* found[MOST_KERNELS];
    return index < availableKernels(found) ? reinterpret_cast<jlong>(found[index]) : 0;
}

LIBRARY(jstring, name)(JNIEnv* env, jclass, jlong kernels) { return env->NewStringUTF(kernelsAt(kernels).name); }

LIBRARY(jdouble, fmaPeak)(JNIEnv*, jclass, jlong kernels, jlong iterations) {
    float sink[UNITS];
    return kernelsAt(kernels).fmaPeak(long(iterations), sink);
}

// Zeroed, so that every page is there before training starts; 0 where there is not enough memory.
KERNEL(jlong, allocate)(JNIEnv*, jclass, jlong bytes) {
    void* memory = nullptr;
    if (posix_memalign(&memory, size_t(bytes) < HUGE_PAGE ? 64 : HUGE_PAGE, size_t(bytes))) return 0;
#if defined(__linux__)
    if (size_t(bytes) >= HUGE_PAGE) madvise(memory, size_t(bytes), MADV_HUGEPAGE);   // a wish: refused, it is only slower
#endif
    memset(memory, 0, size_t(bytes));
    return reinterpret_cast<jlong>(memory);
}

KERNEL(void, release)(JNIEnv*, jclass, jlong memory) { free(floatsAt(memory)); }

KERNEL(void, guard)(JNIEnv*, jclass, jlong memory, jlong offset) {
    for (int i = 0; i < GUARD; i++) memcpy(floatsAt(memory, offset + i), &GUARD_WORD, sizeof GUARD_WORD);
}

KERNEL(jboolean, isGuarded)(JNIEnv*, jclass, jlong memory, jlong offset) {
    for (int i = 0; i < GUARD; i++)
        if (memcmp(floatsAt(memory, offset + i), &GUARD_WORD, sizeof GUARD_WORD)) return false;
    return true;
}

KERNEL(void, loadPanels)(JNIEnv* env, jclass, jlong kernels, jlong memory, jfloatArray canonical, jlongArray tensor) {
    Record r(env, memory, tensor);
    const long at = r.size(), units = r.size(), columns = r.size(), form = r.size(), count = r.size();
    float *panel = r.matrix(), *staged = r.matrix();
    for (long p = 0; p < count; p++, panel += columns * PANEL) {
        memset(staged, 0, size_t(PANEL * columns) * sizeof(float));
        for (long group = 0; group < PANEL / UNITS; group++) {
            Rows16 from = rowsOf(form, p, group, units);
            env->GetFloatArrayRegion(canonical, jsize(at + from.first * columns), jsize(from.count * columns), staged + group * UNITS * columns);
        }
        kernelsAt(kernels).rowsToPanel(staged, columns, panel);
    }
}

KERNEL(void, storePanels)(JNIEnv* env, jclass, jlong kernels, jlong memory, jfloatArray canonical, jlongArray tensor) {
    Record r(env, memory, tensor);
    const long at = r.size(), units = r.size(), columns = r.size(), form = r.size(), count = r.size();
    float *panel = r.matrix(), *staged = r.matrix();
    for (long p = 0; p < count; p++, panel += columns * PANEL) {
        kernelsAt(kernels).panelToRows(panel, columns, staged);
        for (long group = 0; group < PANEL / UNITS; group++) {
            Rows16 to = rowsOf(form, p, group, units);
            env->SetFloatArrayRegion(canonical, jsize(at + to.first * columns), jsize(to.count * columns), staged + group * UNITS * columns);
        }
    }
}

KERNEL(void, writeRows)(JNIEnv* env, jclass, jfloatArray source, jint at, jlong memory, jlong offset, jint rows, jint columns) {
    float* to = floatsAt(memory, offset);
    for (long row = 0; row < rows; row++, to += stride(columns)) {
        env->GetFloatArrayRegion(source, jsize(at + row * columns), columns, to);
        memset(to + columns, 0, size_t(stride(columns) - columns) * sizeof(float));
    }
}

KERNEL(void, readRows)(JNIEnv* env, jclass, jlong memory, jlong offset, jint rows, jint columns, jfloatArray target, jint at) {
    for (long row = 0; row < rows; row++)
        env->SetFloatArrayRegion(target, jsize(at + row * columns), columns, floatsAt(memory, offset + row * stride(columns)));
}

KERNEL(void, copy)(JNIEnv*, jclass, jlong memory, jlong from, jlong to, jlong count) {
    memcpy(floatsAt(memory, to), floatsAt(memory, from), size_t(count) * sizeof(float));
}

KERNEL(void, copyColumns)(JNIEnv*, jclass, jlong memory, jlong from, jlong fromStride, jlong to, jlong toStride, jlong rows, jlong columns) {
    for (long row = 0; row < rows; row++)
        memcpy(floatsAt(memory, to + row * toStride), floatsAt(memory, from + row * fromStride), size_t(columns) * sizeof(float));
}

KERNEL(void, zero)(JNIEnv*, jclass, jlong memory, jlong offset, jlong count) {
    memset(floatsAt(memory, offset), 0, size_t(count) * sizeof(float));
}

KERNEL(void, writeIds)(JNIEnv* env, jclass, jlong memory, jlong offset, jintArray values, jint count) {
    env->GetIntArrayRegion(values, 0, count, reinterpret_cast<jint*>(floatsAt(memory, offset)));
}

KERNEL(void, embeddingForward)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray e, jlong ids) {
    kernelsAt(kernels).embeddingForward(embedding(env, memory, e), idsAt(memory, ids));
}

KERNEL(void, embeddingBackward)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray e, jlong ids) {
    kernelsAt(kernels).embeddingBackward(embedding(env, memory, e), idsAt(memory, ids));
}

KERNEL(jboolean, tie)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray e, jlongArray d, PART) {
    return kernelsAt(kernels).tie(embedding(env, memory, e), dense(env, memory, d), {phase, part, parts});
}

KERNEL(jboolean, addTied)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray e, jlongArray d, PART) {
    return kernelsAt(kernels).addTied(embedding(env, memory, e), dense(env, memory, d), {phase, part, parts});
}

// draw: from, to, count, period, threshold, seed, layer, window, shard
KERNEL(jboolean, dropout)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray draw, jfloat scale, PART) {
    Record r(env, memory, draw);
    float *from = r.matrix(), *to = r.matrix();
    const long count = r.size(), period = r.size();
    const uint32_t threshold = uint32_t(r.size());
    return kernelsAt(kernels).dropout(from, to, count, period, threshold, scale,
                                      {uint64_t(r.size()), uint32_t(r.size()), uint32_t(r.size()), uint32_t(r.size())}, {phase, part, parts});
}

KERNEL(jboolean, recurrentForward)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray record, jlong lengths, PART) {
    return kernelsAt(kernels).recurrentForward(recurrent(env, memory, record), idsAt(memory, lengths), {phase, part, parts});
}

KERNEL(jboolean, recurrentBackward)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray record, jlong lengths, PART) {
    return kernelsAt(kernels).recurrentBackward(recurrent(env, memory, record), idsAt(memory, lengths), {phase, part, parts});
}

KERNEL(jboolean, denseForward)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray record, PART) {
    return kernelsAt(kernels).denseForward(dense(env, memory, record), {phase, part, parts});
}

KERNEL(void, softmaxForward)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray record, jlong targets) {
    kernelsAt(kernels).softmaxForward(dense(env, memory, record), idsAt(memory, targets));
}

KERNEL(void, softmaxBackward)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray record, jlong targets, jfloat scale) {
    kernelsAt(kernels).softmaxBackward(dense(env, memory, record), idsAt(memory, targets), scale);
}

KERNEL(void, squaredForward)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray record, jlong counts) {
    kernelsAt(kernels).squaredForward(dense(env, memory, record), idsAt(memory, counts));
}

KERNEL(void, squaredBackward)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray record, jlong counts, jfloat scale) {
    kernelsAt(kernels).squaredBackward(dense(env, memory, record), idsAt(memory, counts), scale);
}

KERNEL(jboolean, crfForward)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray record, jlong targets, jlong lengths, PART) {
    return kernelsAt(kernels).crfForward(dense(env, memory, record), idsAt(memory, targets), idsAt(memory, lengths), {phase, part, parts});
}

KERNEL(jboolean, crfBackward)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray record, jlong targets, jlong lengths, jfloat scale, PART) {
    return kernelsAt(kernels).crfBackward(dense(env, memory, record), idsAt(memory, targets), idsAt(memory, lengths), scale, {phase, part, parts});
}

KERNEL(jboolean, viterbi)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray record, jlong lengths, jboolean all, jlong labels, PART) {
    int32_t* into = reinterpret_cast<int32_t*>(floatsAt(memory, labels));
    return kernelsAt(kernels).viterbi(dense(env, memory, record), idsAt(memory, lengths), all != 0, into, {phase, part, parts});
}

KERNEL(void, writeAllowed)(JNIEnv* env, jclass, jlong memory, jlong offset, jbooleanArray allowed) {
    env->GetBooleanArrayRegion(allowed, 0, env->GetArrayLength(allowed), reinterpret_cast<jboolean*>(floatsAt(memory, offset)));
}

KERNEL(void, readIds)(JNIEnv* env, jclass, jlong memory, jlong offset, jintArray into) {
    env->SetIntArrayRegion(into, 0, env->GetArrayLength(into), reinterpret_cast<const jint*>(floatsAt(memory, offset)));
}

KERNEL(jboolean, denseBackward)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray record, PART) {
    return kernelsAt(kernels).denseBackward(dense(env, memory, record), {phase, part, parts});
}

// Rows go through the scratch memory, atOnce of them at a time.
KERNEL(void, readProbabilities)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray record, jint first, jint rows, jint atOnce, jfloatArray into) {
    Dense d = dense(env, memory, record);
    for (long done = 0; done < rows; done += atOnce) {
        const long count = rows - done < atOnce ? rows - done : atOnce;
        kernelsAt(kernels).probabilities(d, first + done, count, d.scratch);
        env->SetFloatArrayRegion(into, jsize(done * d.outputs), jsize(count * d.outputs), d.scratch);
    }
}

KERNEL(void, readOutputs)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray record, jint row, jfloatArray into) {
    Dense d = dense(env, memory, record);
    float outputs[PANEL];
    for (long p = 0; p < panels(d.outputs); p++) {
        kernelsAt(kernels).outputsOfRow(d, row, p, outputs);
        long left = d.outputs - p * PANEL;
        env->SetFloatArrayRegion(into, jsize(p * PANEL), jsize(left < PANEL ? left : PANEL), outputs);
    }
}

KERNEL(jdouble, sum)(JNIEnv*, jclass, jlong kernels, jlong memory, jlong offset, jlong count) {
    return kernelsAt(kernels).sum(floatsAt(memory, offset), long(count));
}

KERNEL(jdouble, sumOfSquares)(JNIEnv*, jclass, jlong kernels, jlong memory, jlong offset, jlong count) {
    return kernelsAt(kernels).sumOfSquares(floatsAt(memory, offset), long(count));
}

// blocks: parameters, gradients, first moment or -1, count. settings: learning rate, momentum, scale
KERNEL(jboolean, sgd)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray blocks, jfloatArray settings, jboolean nesterov, jboolean first, PART) {
    Record r(env, memory, blocks);
    float *parameters = r.matrix(), *gradients = r.matrix(), *v = r.matrix();
    jfloat s[3];
    env->GetFloatArrayRegion(settings, 0, 3, s);
    return kernelsAt(kernels).sgd(parameters, gradients, v, r.size(), {s[0], s[1], s[2], nesterov != 0, first != 0}, {phase, part, parts});
}

// blocks: parameters, gradients, first and second moment, count. settings: the components of Adam
KERNEL(jboolean, adam)(JNIEnv* env, jclass, jlong kernels, jlong memory, jlongArray blocks, jfloatArray settings, PART) {
    Record r(env, memory, blocks);
    float *parameters = r.matrix(), *gradients = r.matrix(), *m = r.matrix(), *v = r.matrix();
    jfloat a[8];
    env->GetFloatArrayRegion(settings, 0, 8, a);
    return kernelsAt(kernels).adam(parameters, gradients, m, v, r.size(), {a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]}, {phase, part, parts});
}

// Of a table whose rows lie stride floats apart, those of ids alone; see NativeKernel.touched.
KERNEL(void, zeroRows)(JNIEnv*, jclass, jlong memory, jlong table, jlong stride, jlong rows, jint count) {
    const int32_t* row = idsAt(memory, rows);
    for (jint i = 0; i < count; i++) memset(floatsAt(memory, table + row[i] * stride), 0, size_t(stride) * sizeof(float));
}

KERNEL(jdouble, sumOfSquaresOfRows)(JNIEnv*, jclass, jlong kernels, jlong memory, jlong table, jlong stride, jlong rows, jint count) {
    const int32_t* row = idsAt(memory, rows);
    double sum = 0;
    for (jint i = 0; i < count; i++) sum += kernelsAt(kernels).sumOfSquares(floatsAt(memory, table + row[i] * stride), long(stride));
    return sum;
}

KERNEL(void, sgdRows)(JNIEnv*, jclass, jlong kernels, jlong memory, jlong parameters, jlong gradients, jlong stride, jlong rows, jint count,
                      jfloat learningRate, jfloat scale) {
    const int32_t* row = idsAt(memory, rows);
    for (jint i = 0; i < count; i++)
        kernelsAt(kernels).sgd(floatsAt(memory, parameters + row[i] * stride), floatsAt(memory, gradients + row[i] * stride), nullptr, long(stride),
                               {learningRate, 0, scale, false, false}, {0, 0, 1});
}
