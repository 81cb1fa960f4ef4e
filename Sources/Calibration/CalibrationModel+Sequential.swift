import Inference
import LinearAlgebra
import ModelGraph
import PassKit

extension CalibrationModel {
    /// A block costs two forward passes over the set: one for the inputs of its layers, one to move on with what replaced it.
    public func forEachBlock(_ replace: ([(group: InputGroup, secondMoment: Matrix)]) throws -> [String: Matrix]) throws {
        var activations = try model.embed(tokens.sequences)
        for block in 0..<model.configuration.blockCount {
            try execution.cancellation.check()
            var next = activations
            let moments = try secondMoments(&next, through: try model.block(block))
            let inputs = BlockInput.allCases.compactMap { input -> (group: InputGroup, secondMoment: Matrix)? in
                guard let group = structure.inputGroups.first(where: { $0.block == block && $0.name == input.groupName }),
                    let moment = moments[input]
                else { return nil }
                return (group, moment)
            }
            let weights = try replace(inputs)
            if weights.isEmpty {
                activations = next
            } else {
                try model.forward(&activations, through: try model.block(block, replacing: weights), execution)
            }
        }
    }
}
