import Execution
import LinearAlgebra
import ModelGraph
import PassKit

/// What errors cost in each tensor, all in one unit; given out one tensor at a time.
struct ErrorPrices {
    let objective: QuantizePass.Objective
    let tensors: [Tensor]
    let context: PassContext

    /// Calls `body` for each tensor, in no order, with what its errors cost: the divergence of the model's predictions; the error of its outputs as
    /// a share of them; that of the weights. What nothing is known of comes last: all elements alike, and an error as large as the tensor as dear
    /// as that of an average one.
    func forEach(_ body: (Int, WeightCurvature) throws -> Void) throws {
        var positions: [String: Int] = [:]
        for (index, tensor) in tensors.enumerated() { positions[tensor.name] = index }
        var (known, prices, values) = (Set<Int>(), [Int: Double](), 0)
        func give(_ index: Int, _ curvature: WeightCurvature) throws {
            let (count, price) = (tensors[index].shape.elementCount, try relativePrice(curvature, tensors[index]))
            // An expert that saw no token of the text: nothing is known of it.
            guard price > 0 else { return }
            prices[index] = price * Double(count)
            values += count
            known.insert(index)
            try body(index, curvature)
        }
        switch objective {
        case .loss:
            guard let gradients = try context.requireCalibration(for: QuantizePass.name).gradients else {
                throw PassError(
                    .unsupported, pass: QuantizePass.name,
                    "what errors cost the predictions of this model cannot be measured; use objective=inputs or objective=weights")
            }
            try gradients.forEachCurvature(seed: context.seed) { name, curvature in
                guard let index = positions[name] else { return }
                var curvature = curvature
                curvature.temper(role: tensors[index].role)
                try give(index, curvature)
            }
        case .inputs:
            try context.requireCalibration(for: QuantizePass.name).forEachSecondMoment(
                of: { $0.members.contains { positions[$0] != nil } }
            ) { group, h in
                for index in group.members.compactMap({ positions[$0] }) { try give(index, try ofOutputs(h, tensors[index])) }
            }
        case .weights: break
        }
        // In the order of the tensors: sums do not depend on which way the model was gone through.
        let sum = tensors.indices.reduce(0.0) { $0 + (prices[$1] ?? 0) }
        let relative = values > 0 ? sum / Double(values) : 1
        for index in tensors.indices where !known.contains(index) { try body(index, try unknown(tensors[index], relative)) }
    }

    private func ofOutputs(_ h: Matrix, _ tensor: Tensor) throws -> WeightCurvature {
        let weight = try tensor.finiteMatrix(context.execution)
        let outputs = try weight.energy(in: h, context.execution)
        let price = outputs > 0 ? Double(weight.rows * weight.columns) / outputs : 0
        return WeightCurvature(inputs: h, rows: [Double](repeating: price, count: weight.rows))
    }

    private func squaredNorm(_ tensor: Tensor) throws -> Double {
        try CodedValues(tensor.payload, name: tensor.name).measure(groupSize: max(tensor.shape.columns, 1), nil, context.execution).square
    }

    /// The price of errors spread over a tensor like its values, for each of them.
    private func relativePrice(_ curvature: WeightCurvature, _ tensor: Tensor) throws -> Double {
        let (m, n) = (Double(max(tensor.shape.rows, 1)), Double(max(tensor.shape.columns, 1)))
        let inputs = (0..<tensor.shape.columns).reduce(0.0) { $0 + Double(curvature.inputs[$1, $1]) } / n
        let rows = curvature.rows.reduce(0, +) / m
        return inputs * rows * (try squaredNorm(tensor)) / (m * n)
    }

    private func unknown(_ tensor: Tensor, _ relative: Double) throws -> WeightCurvature {
        let (square, columns) = (try squaredNorm(tensor) / Double(max(tensor.shape.elementCount, 1)), tensor.shape.columns)
        let price = square > 0 ? relative / square : 1
        let identity = Matrix(rows: columns, columns: columns) { out in
            for i in out.indices { out[i] = i % (columns + 1) == 0 ? 1 : 0 }
        }
        return WeightCurvature(inputs: identity, rows: [Double](repeating: price, count: tensor.shape.rows))
    }
}
