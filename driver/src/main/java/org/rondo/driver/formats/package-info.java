/** Models of other programs: {@link org.rondo.driver.formats.Exported} writes a trained model for PyTorch or as ONNX,
 *  {@link org.rondo.driver.formats.Imported} makes one of a state dict of PyTorch. What is in the files: docs/formats.md. */
package org.rondo.driver.formats;
