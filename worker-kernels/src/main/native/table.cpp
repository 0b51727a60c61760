// The operations of one instruction set, for dispatch.cpp.
#include "simd.h"

#define RONDO_STRING(x) #x
#define RONDO_NAME(x) RONDO_STRING(x)

namespace rondo::RONDO_ISA {

void embeddingForward(const Embedding&, const int32_t*);
void embeddingBackward(const Embedding&, const int32_t*);
void lstmForward(const Lstm&);
void lstmBackward(const Lstm&);
void softmaxForward(const Softmax&, const int32_t*);
void softmaxBackward(const Softmax&, const int32_t*, float);
void probabilities(const Softmax&, long, long, float*);
void dropout(const float*, float*, long, uint32_t, float, const Draw&);
double sum(const float*, long);
double sumOfSquares(const float*, long);
void sgd(float*, const float*, long, float);
void adam(float*, const float*, float*, float*, long, const Adam&);
void rowsToPanel(const float*, long, float*);
void panelToRows(const float*, long, float*);
double fmaPeak(long, float*);

extern const Kernels kernels;
const Kernels kernels = {RONDO_NAME(RONDO_ISA), embeddingForward, embeddingBackward, lstmForward, lstmBackward,
                         softmaxForward, softmaxBackward, probabilities, dropout, sum, sumOfSquares, sgd, adam,
                         rowsToPanel, panelToRows, fmaPeak};

}  // namespace rondo::RONDO_ISA
