import Execution
import GradientFitting
import LinearAlgebra
import ModelGraph
import PassKit

/// One run of the pass over the tensors that move.
struct RefitRun {
    let movable: MovableTensors
    let context: PassContext

    private var execution: ExecutionContext { context.execution }
    private var tensors: [Tensor] { movable.tensors }

    func refitWeights() throws -> [(Payload, TensorReport)] {
        let largest = tensors.map { $0.shape.elementCount }.max() ?? 0
        let owners = context.owners(tensors, isKnown: context.isFinished) {
            Double($0.shape.elementCount) * Double(max(min($0.shape.rows, $0.shape.columns), 1))
        }
        let own = context.own(owners)
        var results = [(Payload, TensorReport)?](repeating: nil, count: tensors.count)
        try results.withUnsafeMutableBufferPointer { buffer in
            let slots = buffer
            try execution.sharing(bytesEach: 32 * largest).uncheckedParallelFor(own.count) { place in
                let index = own[place]
                slots[index] = try context.finishingMoved(tensors[index], isShared: true) {
                    let tensor = try RefitTensor(tensors[index], [], execution)
                    guard let original = context.original[tensor.name] else {
                        throw PassError(.unsupported, pass: RefitPass.name, "'\(tensor.name)' is not in the original model")
                    }
                    try WeightRefit().refit(tensor, to: original.finiteMatrix(execution))
                    return try tensor.payload(tensor.values)
                }
            }
        }
        try context.exchange(tensors, owners, &results)
        return results.compactMap { $0 }
    }
}
