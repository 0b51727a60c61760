// The operations of one instruction set, for dispatch.cpp.
#include "simd.h"

#define RONDO_STRING(x) #x
#define RONDO_NAME(x) RONDO_STRING(x)

namespace rondo::RONDO_ISA {

void embeddingForward(const Embedding&, const int32_t*);
void embeddingBackward(const Embedding&, const int32_t*);
bool tie(const Embedding&, const Dense&, const Part&);
bool addTied(const Embedding&, const Dense&, const Part&);
bool recurrentForward(const Recurrent&, const int32_t*, const Part&);
bool recurrentBackward(const Recurrent&, const int32_t*, const Part&);
bool denseForward(const Dense&, const Part&);
bool denseBackward(const Dense&, const Part&);
void softmaxForward(const Dense&, const int32_t*);
void softmaxBackward(const Dense&, const int32_t*, float);
void squaredForward(const Dense&, const int32_t*);
void squaredBackward(const Dense&, const int32_t*, float);
bool crfForward(const Dense&, const int32_t*, const int32_t*, const Part&);
bool crfBackward(const Dense&, const int32_t*, const int32_t*, float, const Part&);
bool viterbi(const Dense&, const int32_t*, bool, int32_t*, const Part&);
void probabilities(const Dense&, long, long, float*);
void outputsOfRow(const Dense&, long, long, float*);
bool dropout(const float*, float*, long, long, uint32_t, float, const Draw&, const Part&);
double sum(const float*, long);
double sumOfSquares(const float*, long);
bool sgd(float*, const float*, float*, long, const Sgd&, const Part&);
bool adam(float*, const float*, float*, float*, long, const Adam&, const Part&);
void rowsToPanel(const float*, long, float*);
void panelToRows(const float*, long, float*);
double fmaPeak(long, float*);

extern const Kernels kernels;
const Kernels kernels = {RONDO_NAME(RONDO_ISA), embeddingForward, embeddingBackward, tie, addTied,
                         recurrentForward, recurrentBackward, denseForward, denseBackward,
                         softmaxForward, softmaxBackward, squaredForward, squaredBackward, crfForward, crfBackward, viterbi,
                         probabilities, outputsOfRow,
                         dropout, sum, sumOfSquares, sgd, adam, rowsToPanel, panelToRows, fmaPeak};

}  // namespace rondo::RONDO_ISA
