import Backpropagation
import Inference
import LinearAlgebra
import ModelGraph
import PassKit

extension CalibrationModel {
    /// A block costs two forward passes over the set: one for the inputs of its layers, one to move on with what replaced it.
    public func forEachBlock(_ replace: ([(group: InputGroup, secondMoment: Matrix)]) throws -> ReplacedWeights) throws {
        let shares = TermShares(tokens.sequences, ensemble)
        var states = try HiddenStates(Array(tokens.sequences[shares.sequences(of: shares.own)]), of: model, execution)
        for blocks in model.configuration.sharedBlocks {
            let next = try states.copy(execution)
            let groups = groups(blocks.lowerBound) { _ in true }
            let moments = try sharedMoments(next, shares, through: blocks, of: groups) { _ in nil }.moments
            let weights = try replace(groups.compactMap { input, group in moments[input].map { (group, $0) } })
            if weights.isEmpty {
                states = next
            } else {
                try model.forward(states, through: blocks, replacing: weights, execution)
            }
        }
    }
}
