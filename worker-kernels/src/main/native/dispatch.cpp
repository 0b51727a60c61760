// Which instruction sets there are: the only file that asks the processor.
#include "kernel.h"

namespace rondo {

#if defined(RONDO_X86)
namespace avx512 { extern const Kernels kernels; }
namespace avx2 { extern const Kernels kernels; }
#endif
namespace portable { extern const Kernels kernels; }

int availableKernels(const Kernels* (&found)[MOST_KERNELS]) {
    int count = 0;
#if defined(RONDO_X86)
    __builtin_cpu_init();
    const bool fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (fma && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) found[count++] = &avx512::kernels;
    if (fma) found[count++] = &avx2::kernels;
#endif
    found[count++] = &portable::kernels;
    return count;
}

}  // namespace rondo
