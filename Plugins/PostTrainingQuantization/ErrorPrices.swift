import Execution
import LinearAlgebra
import ModelGraph
import PassKit

/// What errors cost in each tensor, all in one unit; given out one tensor at a time, each to the rank that works on it.
struct ErrorPrices {
    let objective: QuantizePass.Objective
    let tensors: [Tensor]
    let context: PassContext
    /// The rank that works on each tensor.
    let owners: [Int]

    init(objective: QuantizePass.Objective, tensors: [Tensor], context: PassContext) {
        (self.objective, self.tensors, self.context) = (objective, tensors, context)
        owners = context.ensemble.owners(tensors.map(\.solveCost))
    }

    /// Calls `body` for each tensor of this rank, in no order, with what its errors cost: the divergence of the model's predictions; the error of its outputs as
    /// a share of them; that of the weights. What nothing is known of comes last: all elements alike, and an error as large as the tensor as dear
    /// as that of an average one.
    func forEach(_ body: (Int, WeightCurvature) throws -> Void) throws {
        var positions: [String: Int] = [:]
        for (index, tensor) in tensors.enumerated() { positions[tensor.name] = index }
        var prices: [Int: Double] = [:]
        func work(_ index: Int, _ curvature: WeightCurvature) throws {
            let price = try relativePrice(curvature, tensors[index])
            // An expert that saw no token of the text: nothing is known of it.
            guard price > 0 else { return }
            prices[index] = price * Double(tensors[index].shape.elementCount)
            try body(index, curvature)
        }
        // Ranks do not work on what they have as soon as they have it: the others would wait.
        var (held, heldBytes) = ([(Int, WeightCurvature)](), 0)
        func give(_ index: Int, _ curvature: WeightCurvature) throws {
            guard context.ensemble.isShared else { return try work(index, curvature) }
            held.append((index, curvature))
            heldBytes += curvature.inputs.elements.count * MemoryLayout<Float>.size
            if heldBytes > context.execution.memory.byteLimit / 4 { try workOff() }
        }
        func workOff() throws {
            for (index, curvature) in held { try work(index, curvature) }
            (held, heldBytes) = ([], 0)
        }
        switch objective {
        case .loss:
            guard let gradients = try context.requireCalibration(for: QuantizePass.name).gradients else {
                throw PassError(
                    .unsupported, pass: QuantizePass.name,
                    "what errors cost the predictions of this model cannot be measured; use objective=inputs or objective=weights")
            }
            try forEachCurvature(gradients, positions, give)
        case .inputs:
            try context.requireCalibration(for: QuantizePass.name).forEachSecondMoment(
                of: { $0.members.contains { positions[$0] != nil } },
                at: { Array(Set($0.members.compactMap { positions[$0].map { owners[$0] } })).sorted() }
            ) { group, h in
                guard let h else { return }
                for index in group.members.compactMap({ positions[$0] }) where owners[index] == context.ensemble.rank {
                    try give(index, try ofOutputs(h, tensors[index]))
                }
            }
        case .weights: break
        }
        // In the order of the tensors: sums do not depend on which way the model was gone through.
        try workOff()
        let all = try context.numbers(owners, each: 1) { [prices[$0] ?? 0] }.map { $0[0] }
        let values = tensors.indices.reduce(0) { $0 + (all[$1] > 0 ? tensors[$1].shape.elementCount : 0) }
        let relative = values > 0 ? all.reduce(0, +) / Double(values) : 1
        for index in tensors.indices where owners[index] == context.ensemble.rank && prices[index] == nil {
            try body(index, try unknown(tensors[index], relative))
        }
    }

    /// Stage of the curvatures that an interrupted run had found, and keys of where it stood: the block, and the tensors that had been given.
    private static let (way, given) = ("curvature", "given")

    /// The way back through the model, from where an interrupted run stood on. What that had found is given as it was kept.
    private func forEachCurvature(
        _ gradients: any GradientProvider, _ positions: [String: Int], _ give: (Int, WeightCurvature) throws -> Void
    ) throws {
        let keeps = context.keepsInterim(values: tensors.reduce(0) { $0 + $1.shape.elementCount })
        var given = Set<Int>()
        func found(_ index: Int, _ curvature: WeightCurvature) throws {
            var curvature = curvature
            curvature.temper(role: tensors[index].role)
            given.insert(index)
            try give(index, curvature)
        }
        let reached = keeps ? try stand() : nil
        if reached != nil {
            for index in tensors.indices where context.isRecorded(Self.way, tensors[index].name) { try found(index, kept(index)) }
        }
        let way = CurvatureWay(reached: reached) { block, gradients in
            if !keeps { return }
            try context.keepSnapshot {
                var snapshot = PassSnapshot()
                (snapshot.numbers[Self.way], snapshot.numbers[Self.given]) = ([Double(block)], given.sorted().map(Double.init))
                for (index, states) in gradients().enumerated() { try snapshot.set("\(index)", states) }
                return snapshot
            }
        }
        try gradients.forEachCurvature(
            seed: context.seed, at: { positions[$0].map { [owners[$0]] } ?? [] }, way: way
        ) { name, curvature in
            guard let index = positions[name], let curvature, !given.contains(index) else { return }
            if keeps { _ = try context.recordingInterim(Self.way, name) { try curvature.record } }
            try found(index, curvature)
        }
    }

    /// Where an interrupted run stood, if all is there that it had found until then.
    private func stand() throws -> (block: Int, gradients: [[Float]])? {
        guard let snapshot = context.snapshot, let block = snapshot.numbers[Self.way]?.first.flatMap({ Int(exactly: $0) }),
            let given = snapshot.numbers[Self.given]?.compactMap({ Int(exactly: $0) }),
            given.allSatisfy({ tensors.indices.contains($0) && context.isRecorded(Self.way, tensors[$0].name) })
        else { return nil }
        let gradients = try (0..<snapshot.arrays.count).map { try snapshot.floats("\($0)") ?? [] }
        return (block, gradients)
    }

    private func kept(_ index: Int) throws -> WeightCurvature {
        let record = try context.recordingInterim(Self.way, tensors[index].name) { preconditionFailure("it is recorded") }
        let (rows, columns) = (tensors[index].shape.rows, tensors[index].shape.columns)
        guard let curvature = try WeightCurvature(record, rows: rows, columns: columns) else {
            throw PassError(.unsupported, pass: QuantizePass.name, "what an interrupted run has kept does not fit this model")
        }
        return curvature
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
