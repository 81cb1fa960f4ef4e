import Execution
import ModelGraph
import PassKit

/// Blocks of ggml's types: for each matrix the type, of those that fit its rows, with which the prices of all errors are least at a size.
///
/// Every type is tried on every matrix once, m·n² operations each, on a sample of the rows where there are many; matrices that a file keeps in one
/// tensor, as the experts of a block, have one type.
struct BlockQuantization {
    let pass: QuantizePass
    /// All that any matrix may have.
    private let codecs: [BlockCodec]
    /// Those that prices choose from.
    private let priced: [BlockCodec]

    init(_ pass: QuantizePass) {
        self.pass = pass
        codecs = BlockType.codecs(of: pass.types.union(pass.namedTypes.types))
        priced = BlockType.codecs(of: pass.types)
    }

    /// What a matrix may have: the type that its name is given, or those that prices choose from; as far as its rows are whole blocks.
    private func candidates(_ tensor: Tensor) -> [BlockCodec] {
        (pass.namedTypes.codec(for: tensor.name).map { [$0] } ?? priced).filter { $0.byteCount(tensor.shape) != nil }
    }

    /// - Throws: `PassError` for types by name that no matrix can have.
    func checkNamedTypes(_ graph: TensorGraph) throws {
        if pass.namedTypes.entries.isEmpty { return }
        let selected = try pass.selection.split(graph, pass: QuantizePass.name).selected
        try pass.namedTypes.check(selected.filter(\.isMatrixForBlocks), graph.structure)
    }

    /// What the tensors of a run are made of.
    private struct Work {
        let tensors: [Tensor]
        /// This rank's; nil for others.
        let matrices: [BlockMatrix?]
        /// The rank that works on each.
        let owners: [Int]
        let units: [BlockUnit]
        let allocation: BlockAllocation

        /// The codec of each tensor.
        func codecs(_ chosen: [Int]) -> [BlockCodec] {
            var codecs = [BlockCodec?](repeating: nil, count: tensors.count)
            for (unit, choice) in zip(units, chosen) { for member in unit.members { codecs[member] = unit.codecs[choice] } }
            return codecs.compactMap { $0 }
        }
    }

    /// Finds out before the work that a size can be met.
    ///
    /// - Throws: `PassError` when even the smallest types give a larger file.
    func checkSize(_ size: Int, of graph: TensorGraph, _ output: OutputSize) throws {
        var least = graph
        for tensor in try pass.selection.split(graph, pass: QuantizePass.name).selected where tensor.isMatrixForBlocks {
            let smallest = candidates(tensor).min { $0.bitsPerElement < $1.bitsPerElement }
            if let smallest { try least.setPayload(BlockSize.payload(tensor.shape, smallest), of: tensor.name) }
        }
        let bytes = try output.byteCount(least)
        guard output.dependsOnValues || bytes <= size else {
            throw PassError(.usage, pass: QuantizePass.name, "size=\(size) cannot be met: the smallest types give a file of \(bytes) bytes")
        }
    }

    func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        try checkNamedTypes(graph)
        var report = PassReport(pass: QuantizePass.name)
        let (all, leftAlone) = try pass.selection.split(graph, pass: QuantizePass.name)
        report.leftAlone = leftAlone
        var selected: [Tensor] = []
        for tensor in all {
            if !tensor.isMatrixForBlocks {
                report.leftAlone.append(LeftAlone(name: tensor.name, reason: "\(tensor.role.rawValue), which is not kept in blocks"))
            } else if candidates(tensor).isEmpty {
                report.leftAlone.append(
                    LeftAlone(name: tensor.name, reason: "rows of \(tensor.shape.columns) are no whole blocks of types=\(pass.types.text)"))
            } else {
                selected.append(tensor)
            }
        }
        guard !selected.isEmpty else { throw PassError(.unsupported, pass: QuantizePass.name, "no matrix has rows of whole blocks") }
        let work = try prepare(selected, graph, context)
        let (chosen, predicted, refitted) = try choose(work, graph, context, &report)
        let codecs = work.codecs(chosen)
        context.execution.progress.begin(QuantizePass.name, total: selected.count, unit: "matrices")
        defer { context.execution.progress.end() }
        for (index, made) in try payloads(work, codecs, context, tells: true).enumerated() {
            let payload = refitted?[selected[index].name]?.payload ?? made
            let figures = [Measurement(name: "bitsPerWeight", value: codecs[index].bitsPerElement)]
            report.tensors.append(try TensorReport(comparing: selected[index], with: payload, figures, context.execution))
            try graph.setPayload(payload, of: selected[index].name)
        }
        if pass.objective == .loss { report.measure("loss.predictedIncrease", predicted) }
        report.measure("bitsPerWeight", 8 * Double(work.allocation.byteCount(chosen)) / Double(max(values(selected), 1)))
        report.notes.append(BlockQuantization.summary(codecs))
        return report
    }

    /// The blocks of all matrices, each made by its rank.
    ///
    /// - Parameter tells: whether they are what the pass comes to, and count as its progress.
    private func payloads(_ work: Work, _ codecs: [BlockCodec], _ context: PassContext, tells: Bool = false) throws -> [Payload] {
        var payloads = [Payload?](repeating: nil, count: work.tensors.count)
        for (index, matrix) in work.matrices.enumerated() {
            guard let matrix else { continue }
            payloads[index] = try context.keeping(matrix.blocks(codecs[index], context.execution))
            if tells { context.execution.advanceShared(remark: codecs[index].name) }
        }
        try context.exchange(work.tensors, work.owners, &payloads)
        return payloads.compactMap { $0 }
    }

    private func values(_ tensors: [Tensor]) -> Int { tensors.reduce(0) { $0 + $1.shape.elementCount } }

    /// "12 Q4_K, 3 Q6_K".
    private static func summary(_ codecs: [BlockCodec]) -> String {
        var counts: [(name: String, count: Int)] = []
        for codec in codecs.sorted(by: { ($0.bitsPerElement, $0.name) < ($1.bitsPerElement, $1.name) }) {
            if counts.last?.name == codec.name { counts[counts.count - 1].count += 1 } else { counts.append((codec.name, 1)) }
        }
        return "types: " + counts.map { "\($0.count) \($0.name)" }.joined(separator: ", ")
    }

    // MARK: - Prices

    /// Matrices with their prices, and what every type costs each of them.
    private func prepare(_ tensors: [Tensor], _ graph: TensorGraph, _ context: PassContext) throws -> Work {
        var matrices = [BlockMatrix?](repeating: nil, count: tensors.count)
        var found = [PassSnapshot?](repeating: nil, count: tensors.count)
        let (stage, prices) = ("types", ErrorPrices(objective: pass.objective, tensors: tensors, context: context))
        context.execution.progress.begin("\(QuantizePass.name), types", total: tensors.count, unit: "matrices")
        defer { context.execution.progress.end() }
        try prices.forEach { index, curvature in
            let matrix = try BlockMatrix(tensors[index], curvature: curvature, context.execution)
            matrices[index] = matrix
            found[index] = try context.recording(stage, tensors[index].name, isShared: true) {
                var found = PassSnapshot()
                found.numbers["costs"] = try self.costs(matrix, candidates(tensors[index]), context.execution)
                return found
            }
            context.execution.advanceShared()
        }
        let owners = zip(tensors, prices.owners).map { context.isRecorded(stage, $0.name) ? nil : $1 }
        for (index, owner) in owners.enumerated() where owner == nil && found[index] == nil {
            found[index] = try context.recording(stage, tensors[index].name) { preconditionFailure("\(index) has no costs") }
        }
        try context.exchange(stage, tensors.map(\.name), owners, &found)
        let costs = found.compactMap { $0?.numbers["costs"] }
        guard costs.count == tensors.count, costs.allSatisfy({ $0.count == codecs.count }) else {
            throw PassError(.unsupported, pass: QuantizePass.name, "what an interrupted run has kept does not fit this model")
        }
        var units = BlockUnit.units(tensors, graph.structure)
        for index in units.indices { units[index].setChoices(codecs, tensors, costs) { candidates($0).contains($1) } }
        return Work(
            tensors: tensors, matrices: matrices, owners: prices.owners, units: units,
            allocation: BlockAllocation(units: units.map(\.choices)))
    }

    /// Of each codec; infinite for those that are no candidates.
    private func costs(_ matrix: BlockMatrix, _ candidates: [BlockCodec], _ execution: ExecutionContext) throws -> [Double] {
        try execution.uncheckedParallelMap(codecs.count) { index in
            candidates.contains(codecs[index]) ? try matrix.cost(of: codecs[index], execution) : .infinity
        }
    }

    // MARK: - Choice

    private func choose(
        _ work: Work, _ graph: TensorGraph, _ context: PassContext, _ report: inout PassReport
    ) throws -> (chosen: [Int], predicted: Double, refitted: TensorGraph?) {
        let allocation = work.allocation
        switch pass.aim {
        case .bits(let bits):
            let budget = Int(bits * Double(values(work.tensors)) / 8)
            guard let chosen = allocation.choices(within: budget) else {
                let least = 8 * Double(allocation.leastByteCount) / Double(max(values(work.tensors), 1))
                throw PassError(
                    .usage, pass: QuantizePass.name, "bits=\(bits) is too little: the smallest types take \(PassKit.rounded(least))")
            }
            return (chosen, allocation.cost(chosen), nil)
        case .size(let size):
            let chosen = try BlockSize(graph, context).choices(allocation, within: size) { try self.sized(work, $0) }
            return (chosen, allocation.cost(chosen), nil)
        case .lossIncrease(let increase):
            let (chosen, refitted) = try choose(lossIncrease: increase, work, graph, context, &report)
            return (chosen, allocation.cost(chosen), refitted)
        }
    }

    /// - Returns: the types, and the graph with the scales that a refit has moved where there is one.
    private func choose(
        lossIncrease: Double, _ work: Work, _ graph: TensorGraph, _ context: PassContext, _ report: inout PassReport
    ) throws -> (chosen: [Int], refitted: TensorGraph?) {
        let loss = try HeldBackLoss(context)
        var (searches, found) = (0, (chosen: [Int](), increase: 0.0))
        func find(_ increase: Double) throws -> [Int] {
            searches += 1
            found = try BlockLoss(increase: increase, loss: loss, context: context).choices(work.allocation, stage: "search \(searches)") {
                try self.graph(graph, work, $0, context)
            }
            return found.chosen
        }
        guard let refit = pass.refit else {
            let chosen = try find(lossIncrease)
            loss.report(found.increase, in: &report)
            return (chosen, nil)
        }
        var last: [Int] = []
        let search = RefittedIncrease(
            allowed: lossIncrease, settings: refit, selection: pass.refitSelection, context: context, loss: loss)
        let (refitted, increase) = try search.run(&report, find: find) { chosen in
            last = chosen
            return try self.graph(graph, work, chosen, context)
        }
        loss.report(increase, in: &report)
        return (last, refitted)
    }

    /// The graph with blocks of the chosen types that have a size alone.
    private func sized(_ work: Work, _ chosen: [Int]) throws -> [(name: String, payload: Payload)] {
        try zip(work.tensors, work.codecs(chosen)).map { ($0.name, try BlockSize.payload($0.shape, $1)) }
    }

    private func graph(_ graph: TensorGraph, _ work: Work, _ chosen: [Int], _ context: PassContext) throws -> TensorGraph {
        var made = graph
        for (index, payload) in try payloads(work, work.codecs(chosen), context).enumerated() {
            try made.setPayload(payload, of: work.tensors[index].name)
        }
        return made
    }
}
