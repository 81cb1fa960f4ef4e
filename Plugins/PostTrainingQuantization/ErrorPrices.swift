import LinearAlgebra
import ModelGraph
import PassKit

/// What errors cost in each tensor, all in one unit.
struct ErrorPrices {
    private var known: [String: WeightCurvature] = [:]
    /// The price of an error as large as a tensor itself, for tensors of which nothing else is known.
    private var relative = 1.0

    /// - Parameters:
    ///   - objective: the divergence of the model's predictions; the error of each layer's outputs as a share of them; that of the weights.
    init(_ objective: QuantizePass.Objective, _ tensors: [Tensor], _ context: PassContext) throws {
        switch objective {
        case .loss:
            guard let gradients = try context.requireCalibration(for: QuantizePass.name).gradients else {
                throw PassError(
                    .unsupported, pass: QuantizePass.name,
                    "what errors cost the predictions of this model cannot be measured; use objective=inputs or objective=weights")
            }
            try gradients.forEachCurvature(seed: context.seed) { known[$0] = $1 }
            for tensor in tensors { known[tensor.name]?.temper(role: tensor.role) }
        case .inputs: try useOutputs(tensors, context)
        case .weights: return
        }
        let prices = try tensors.compactMap { tensor in
            try known[tensor.name].map { try ErrorPrices.relativePrice($0, tensor) * Double(tensor.shape.elementCount) }
        }
        let count = tensors.reduce(0) { $0 + (known[$1.name] == nil ? 0 : $1.shape.elementCount) }
        if count > 0 { relative = prices.reduce(0, +) / Double(count) }
    }

    private mutating func useOutputs(_ tensors: [Tensor], _ context: PassContext) throws {
        let byName = Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0) })
        var found: [String: WeightCurvature] = [:]
        try context.requireCalibration(for: QuantizePass.name).forEachSecondMoment { group, h in
            for name in group.members {
                guard let tensor = byName[name] else { continue }
                let weight = try tensor.finiteMatrix()
                let outputs = zip(weight.times(h).elements, weight.elements).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
                let price = outputs > 0 ? Double(weight.rows * weight.columns) / outputs : 0
                found[name] = WeightCurvature(inputs: h, rows: [Double](repeating: price, count: weight.rows))
            }
        }
        known = found
    }

    /// The price of errors spread over a tensor like its values, for each of them.
    private static func relativePrice(_ curvature: WeightCurvature, _ tensor: Tensor) throws -> Double {
        let weight = try tensor.finiteMatrix()
        let (m, n) = (Double(max(weight.rows, 1)), Double(max(weight.columns, 1)))
        let inputs = (0..<weight.columns).reduce(0.0) { $0 + Double(curvature.inputs[$1, $1]) } / n
        let rows = curvature.rows.reduce(0, +) / m
        return inputs * rows * weight.squaredFrobeniusNorm / (m * n)
    }

    /// Of a tensor [m, n]; where nothing was measured, all elements alike and as dear as an average tensor's.
    func curvature(of tensor: Tensor) throws -> WeightCurvature {
        if let curvature = known[tensor.name] { return curvature }
        let weight = try tensor.finiteMatrix()
        let square = weight.squaredFrobeniusNorm / Double(max(weight.elements.count, 1))
        let price = square > 0 ? relative / square : 1
        let identity = Matrix(rows: weight.columns, columns: weight.columns) { out in
            for i in out.indices { out[i] = i % (weight.columns + 1) == 0 ? 1 : 0 }
        }
        return WeightCurvature(inputs: identity, rows: [Double](repeating: price, count: weight.rows))
    }
}
