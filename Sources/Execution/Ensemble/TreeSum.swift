/// A sum of arrays of floats, one a term, along the tree of their number: each rank adds the terms of its own range, and the ranks' parts come
/// together at one of them.
///
/// Terms are added in order. As many arrays are held as log₂ of the range, and one; where that is much they lie on scratch.
public final class TreeSum {
    private let ranges: [Range<Int>]
    private let floats: Int
    private let execution: ExecutionContext
    private let nodes: [Range<Int>]
    private let steps: [SumTree.Step]
    private var next = 0
    private var slots: [WorkingRoom] = []

    /// - Parameters:
    ///   - floats: in each term.
    ///   - ranges: the terms of each rank; together they are 0 ..< n, in order.
    public init(floats: Int, ranges: [Range<Int>], _ execution: ExecutionContext) {
        (self.floats, self.ranges, self.execution) = (floats, ranges, execution)
        nodes = SumTree.nodes(of: ranges.last?.upperBound ?? 0, in: ranges[execution.ensemble.rank])
        steps = SumTree.steps(nodes)
    }

    /// The steps that can be taken once the terms before `end` are there; each is given once.
    ///
    /// - Throws: `ScratchError` where there is no room for the slots that they take.
    public func steps(until end: Int) throws -> ArraySlice<SumTree.Step> {
        let start = next
        while next < steps.count {
            if case .term(let term, _) = steps[next], term >= end { break }
            next += 1
        }
        for step in steps[start..<next] {
            guard case .term(_, let slot) = step else { continue }
            while slots.count <= slot { slots.append(try execution.memory.room(max(floats, 1) * MemoryLayout<Float>.size)) }
        }
        return steps[start..<next]
    }

    /// The array that a slot holds.
    public func slot(_ index: Int) -> UnsafeMutablePointer<Float> {
        slots[index].base.bindMemory(to: Float.self, capacity: max(floats, 1))
    }

    /// Adds one term in a single piece, which `fill` writes.
    public func add(_ term: Int, _ fill: (UnsafeMutableBufferPointer<Float>) -> Void) throws {
        for step in try steps(until: term + 1) {
            switch step {
            case .term(_, let index): fill(UnsafeMutableBufferPointer(start: slot(index), count: floats))
            case .add(let index): TreeSum.add(slot(index + 1), to: slot(index), count: floats)
            }
        }
    }

    /// left ← left + right.
    public static func add(_ right: UnsafePointer<Float>, to left: UnsafeMutablePointer<Float>, count: Int) {
        for i in 0..<count { left[i] += right[i] }
    }

    /// Brings the ranks' parts together. All ranks call it, and have added their terms.
    ///
    /// - Parameter owner: the rank that is given the sum.
    /// - Returns: the sum, at the owner; nil elsewhere, and where there are no terms.
    public func total(at owner: Int) throws -> UnsafeMutablePointer<Float>? {
        let all = 0..<(ranges.last?.upperBound ?? 0)
        guard !all.isEmpty else { return nil }
        let (home, place) = try combine(all, owner)
        if home == owner { return place.map { slot($0) } }
        let rank = execution.ensemble.rank
        if rank == home, let place { try send(slot(place), to: owner) }
        return rank == owner ? try received(from: home) : nil
    }

    /// The same for several ranks, the first of which gives it to the others; nil for all ranks.
    public func total(at owners: [Int]?) throws -> UnsafeMutablePointer<Float>? {
        guard let owners else { return try totalForAll() }
        guard let first = owners.first else { return nil }
        let found = try total(at: first)
        let (rank, n) = (execution.ensemble.rank, ranges.last?.upperBound ?? 0)
        if n == 0 { return nil }
        for other in owners.dropFirst() {
            if rank == first, let found { try send(found, to: other) }
            if rank == other { return try received(from: first) }
        }
        return rank == first ? found : nil
    }

    private func received(from rank: Int) throws -> UnsafeMutablePointer<Float> {
        if slots.isEmpty { slots.append(try execution.memory.room(max(floats, 1) * MemoryLayout<Float>.size)) }
        try receive(from: rank) { start, values, count in (self.slot(0) + start).update(from: values, count: count) }
        return slot(0)
    }

    /// Sums a node where its home is: the owner's if that has terms of it, else that of its first term.
    ///
    /// - Returns: its home, and there the slot of the sum.
    private func combine(_ node: Range<Int>, _ owner: Int) throws -> (home: Int, slot: Int?) {
        let rank = execution.ensemble.rank
        let home = ranges[owner].overlaps(node) ? owner : holder(of: node.lowerBound)
        if ranges[home].lowerBound <= node.lowerBound, node.upperBound <= ranges[home].upperBound {
            return (home, home == rank ? nodes.firstIndex(of: node) : nil)
        }
        let middle = SumTree.split(node)
        let left = try combine(node.lowerBound..<middle, owner)
        let right = try combine(middle..<node.upperBound, owner)
        let (stays, goes) = left.home == home ? (left, right) : (right, left)
        guard stays.home != goes.home else {
            // Both parts are here, though the node is not one of this rank's alone.
            if rank == home, let a = stays.slot, let b = goes.slot { TreeSum.add(slot(b), to: slot(a), count: floats) }
            return (home, stays.slot)
        }
        if rank == goes.home, let place = goes.slot { try send(slot(place), to: home) }
        if rank == home, let place = stays.slot {
            try receive(from: goes.home) { start, values, count in TreeSum.add(values, to: self.slot(place) + start, count: count) }
        }
        return (home, stays.slot)
    }

    private func holder(of term: Int) -> Int { ranges.firstIndex { $0.contains(term) } ?? 0 }

    private static let piece = 2 << 20

    private func send(_ values: UnsafeMutablePointer<Float>, to rank: Int) throws {
        for start in stride(from: 0, to: floats, by: Self.piece) {
            let count = min(Self.piece, floats - start)
            try execution.ensemble.send(UnsafeRawBufferPointer(UnsafeBufferPointer(start: values + start, count: count)), to: rank)
        }
    }

    private func receive(from rank: Int, _ take: (Int, UnsafePointer<Float>, Int) -> Void) throws {
        var values = [Float](repeating: 0, count: min(Self.piece, floats))
        for start in stride(from: 0, to: floats, by: Self.piece) {
            let count = min(Self.piece, floats - start)
            try values.withUnsafeMutableBufferPointer { values in
                try execution.ensemble.receive(
                    UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: values[..<count])), from: rank)
                if let base = values.baseAddress { take(start, base, count) }
            }
        }
    }

    /// The same, for all ranks.
    public func totalForAll() throws -> UnsafeMutablePointer<Float>? {
        let n = ranges.last?.upperBound ?? 0
        guard n > 0 else { return nil }
        let home = holder(of: 0)
        _ = try total(at: home)
        if slots.isEmpty { slots.append(try execution.memory.room(max(floats, 1) * MemoryLayout<Float>.size)) }
        try execution.ensemble.broadcast(
            UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(start: slot(0), count: floats)), from: home)
        return slot(0)
    }
}
