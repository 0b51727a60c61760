/**
 * Other implementations of our networks, to be right by and to be measured by. Nothing of Rondo depends on it; the Maven profile
 * {@code peers} builds and runs it, and alone downloads what it needs:
 * <pre>
 *  ./mvnw -q -Ppeers -pl peers -am -DskipTests verify                                     PeersBench: training and scoring, side by side
 *  ./mvnw -q -Ppeers -pl peers -am -DskipTests verify -Drun.arguments="S1 S2-scoring"     the same, of these shapes
 *  ./mvnw -q -Ppeers -pl peers -am -DskipTests verify -Drun.malloc=                       the same, malloc as glibc has it by default
 *  ./mvnw -q -Ppeers -pl peers -am -DskipTests verify -Drun=ScoreBench                    scoring a corpus on Spark, beside the kernel alone and ONNX Runtime
 *  ./mvnw -q -Ppeers -pl peers -am -DskipTests verify -Drun=PytorchFixtures               writes worker-kernels/src/test/resources/pytorch
 *  ./mvnw -q -Ppeers -pl peers -am -DskipTests verify -Drun=PytorchCheck                  fails where PyTorch says something else of an exported or imported model
 *  ./mvnw -q -Ppeers -pl peers -am -DskipTests verify -Drun=OnnxFixtures                  writes worker-kernels/src/test/resources/onnxruntime
 * </pre>
 */
package org.rondo.peers;
