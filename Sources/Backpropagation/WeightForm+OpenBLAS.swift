import Inference
import LinearAlgebra

extension WeightForm {
    /// As floats, multiplied by OpenBLAS: what runs many sequences fastest.
    public static var openBLAS: WeightForm { .floats(OpenBLASProduct()) }
}
