import CKernels
import Execution
import Matrices
import ModelGraph

/// How a model's weights are held while it runs.
public enum WeightForm {
    /// As floats, in the form that runs many tokens fastest, multiplied by this.
    case floats(any MatrixProduct)
    /// As they are stored, decoded a few rows at a time by the team's threads.
    case stored(WorkerTeam)
}

/// Operators that keep weights as they are stored, one for each tensor, however many parts of the model it plays.
final class StoredWeights {
    private let arena = WeightArena()
    private let team: WorkerTeam
    private var operators: [String: StoredOperator] = [:]

    private static let leastReleasedElements = 1 << 20

    init(_ team: WorkerTeam) { self.team = team }

    /// - Throws: as `StoredOperator`.
    func linearMap(of tensor: Tensor) throws -> StoredOperator {
        if let known = operators[tensor.name] { return known }
        let made = try StoredOperator(tensor.payload, name: tensor.name, arena, team)
        operators[tensor.name] = made
        // What decoding a large tensor took would otherwise stay beside the weights.
        if tensor.shape.elementCount >= StoredWeights.leastReleasedElements { caplet_release_free_memory() }
        return made
    }

    var byteCount: Int { operators.values.reduce(0) { $0 + $1.byteCount } }
}
