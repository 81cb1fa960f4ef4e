import Execution
import ModelGraph

/// What ranks make of tensors, each of its own, and give to all.
extension PassContext {
    public var ensemble: any Ensemble { execution.ensemble }

    /// The rank that makes each of some tensors; nil for those that all ranks have, because an interrupted run had made them.
    ///
    /// - Parameter cost: of making one, in any unit.
    public func owners(_ tensors: [Tensor], isKnown: (Tensor) -> Bool, cost: (Tensor) -> Double) -> [Int?] {
        let known = tensors.map(isKnown)
        let owners = ensemble.owners(zip(tensors, known).map { $1 ? 0 : cost($0) })
        return zip(owners, known).map { $1 ? nil : $0 }
    }

    /// The tensors that this rank makes something of, or takes from what an interrupted run had made.
    public func own(_ owners: [Int?]) -> [Int] { owners.indices.filter { owners[$0].map { $0 == ensemble.rank } ?? true } }

    /// Gives each rank's results to all. All ranks call it.
    ///
    /// - Parameters:
    ///   - owners: the rank that has each result; nil for those that all have.
    ///   - results: of the tensors; on return there are all of those that have an owner.
    public func exchange(_ tensors: [Tensor], _ owners: [Int?], _ results: inout [(Payload, TensorReport)?]) throws {
        guard ensemble.isShared else { return }
        finished?.forgetPosts()
        for (index, owner) in owners.enumerated() {
            guard let owner else { continue }
            var segment = WorkSegment(pass: 0)
            if owner == ensemble.rank, let (payload, report) = results[index] {
                segment.tensors = [FinishedTensor(name: tensors[index].name, payload: payload, report: report)]
            }
            guard let found = try exchanged(segment, from: owner) else { continue }
            guard let tensor = found.tensors.first, tensor.name == tensors[index].name, let report = tensor.report else {
                throw MessageBytes.broken
            }
            results[index] = (try self.results?.keep(tensor.payload) ?? tensor.payload, report)
            try finished?.received(found)
        }
    }

    /// The same for results that threads write to places of their own.
    public func exchange(
        _ tensors: [Tensor], _ owners: [Int?], in slots: UnsafeMutableBufferPointer<(Payload, TensorReport)?>
    ) throws {
        var results = Array(slots)
        try exchange(tensors, owners, &results)
        for index in results.indices { slots[index] = results[index] }
    }

    /// Gives what each rank has found out in a stage to all. All ranks call it.
    ///
    /// - Parameters:
    ///   - names: of the tensors, or of what else was looked at.
    ///   - owners: the rank that has found out about each; nil where all have.
    ///   - found: on return about all of those that have an owner.
    public func exchange(_ stage: String, _ names: [String], _ owners: [Int?], _ found: inout [PassSnapshot?]) throws {
        guard ensemble.isShared else { return }
        finished?.forgetPosts()
        for (index, owner) in owners.enumerated() {
            guard let owner else { continue }
            var segment = WorkSegment(pass: 0)
            if owner == ensemble.rank, let own = found[index] {
                segment.records = [FinishedRecord(stage: stage, name: names[index], found: own)]
            }
            guard let other = try exchanged(segment, from: owner) else { continue }
            guard let record = other.records.first, record.name == names[index] else { throw MessageBytes.broken }
            found[index] = record.found
            try finished?.received(other)
        }
    }

    /// Numbers that each rank has of its own items, so many an item, for all ranks.
    ///
    /// - Parameters:
    ///   - owners: the rank that has those of each item.
    ///   - own: called for this rank's items.
    public func numbers(_ owners: [Int], each count: Int, _ own: (Int) throws -> [Double]) throws -> [[Double]] {
        let mine = try owners.indices.map { owners[$0] == ensemble.rank ? try own($0) : [Double](repeating: 0, count: count) }
        guard ensemble.isShared else { return mine }
        let length = owners.count * count
        let all = try ensemble.gather(mine.flatMap { $0 }, ensemble.places.map { $0.lowerBound * length..<$0.upperBound * length }, zero: 0)
        return owners.indices.map { item in
            let start = owners[item] * length + item * count
            return Array(all[start..<start + count])
        }
    }

    /// Gives payloads that each rank has of its own tensors to all, for what is only thought of.
    public func exchange(_ tensors: [Tensor], _ owners: [Int], _ payloads: inout [Payload?]) throws {
        guard ensemble.isShared else { return }
        for (index, owner) in owners.enumerated() {
            var segment = WorkSegment(pass: 0)
            if owner == ensemble.rank, let own = payloads[index] {
                segment.tensors = [FinishedTensor(name: tensors[index].name, payload: own, report: nil)]
            }
            guard let found = try exchanged(segment, from: owner) else { continue }
            guard let tensor = found.tensors.first, tensor.name == tensors[index].name else { throw MessageBytes.broken }
            payloads[index] = try keeping(tensor.payload)
        }
    }

    /// What one rank has; nil at that rank.
    private func exchanged(_ segment: WorkSegment, from owner: Int) throws -> WorkSegment? {
        let message = try ensemble.broadcast(owner == ensemble.rank ? segment.message() : [], from: owner)
        return owner == ensemble.rank ? nil : try WorkSegment(message: message)
    }
}

extension Tensor {
    /// Operations that a solve of a linear layer [m, n] against its inputs takes, about.
    public var solveCost: Double {
        let (m, n) = (Double(shape.rows), Double(shape.columns))
        return m * n * n + n * n * n
    }
}
