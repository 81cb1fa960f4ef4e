import Execution
import Inference
import LinearAlgebra

extension WeightForm {
    /// As floats, multiplied by OpenBLAS: what runs many sequences fastest.
    public static var openBLAS: WeightForm { .floats(OpenBLASProduct()) }

    /// The same, with large products shared by the threads of `execution`.
    public static func openBLAS(on execution: ExecutionContext) -> WeightForm { .floats(OpenBLASProduct(on: execution)) }
}
