/// The order of a pipeline's passes: whether one of them would throw away what one before it made.
struct PassOrder {
    /// A pass and the tensors that it works on.
    struct Step {
        let declaration: PassDeclaration
        let options: PassOptions
        let column: Int

        /// Whether both work on some tensor, by what their options say.
        func overlaps(_ other: Step) -> Bool {
            let (own, others) = (options[TensorSelection.option], other.options[TensorSelection.option])
            return !own.isDisjoint(with: others) || own.contains(.matrices) || others.contains(.matrices)
        }
    }

    let steps: [Step]

    /// - Throws: `PipelineError` naming the first two passes of which the later takes up nothing that the earlier made.
    func check() throws {
        for (earlier, later) in pairs {
            let reads = later.declaration.reads
            if !reads.isDisjoint(with: [.values, .parts]) { continue }
            if reads.contains(.lowRank), case .lowRank = earlier.declaration.leaves { continue }
            let (first, second) = (earlier.declaration.name, later.declaration.name)
            throw PipelineError(
                .badOrder, column: later.column,
                "'\(second)' takes its weights from the original model and would throw away what '\(first)' makes; "
                    + "put '\(second)' first, or give the two other layers to work on")
        }
    }

    /// A line for each two passes of which the later takes up the values that the earlier made, and not what they are made of; and one for a
    /// last pass that leaves more than there was.
    var warnings: [String] {
        let unfinished = steps.last.flatMap { last in
            let name = last.declaration.name
            return last.declaration.completion.map { "'\(name)' alone makes the model larger; write \(name),\($0)" }
        }
        return lostParts + [unfinished].compactMap { $0 }
    }

    private var lostParts: [String] {
        pairs.filter { earlier, later in
            guard later.declaration.reads.contains(.values), !later.declaration.reads.contains(.parts) else { return false }
            switch earlier.declaration.leaves {
            case .lowRank, .parts: return true
            // Of entries the largest are chosen again.
            case .entries: if case .entries = later.declaration.leaves { return false } else { return true }
            case .other: return false
            }
        }.map { earlier, later in
            "'\(later.declaration.name)' takes up the values that '\(earlier.declaration.name)' leaves and not their parts, which are lost"
        }
    }

    /// Passes that work on some tensor both, in order.
    private var pairs: [(earlier: Step, later: Step)] {
        steps.indices.flatMap { later in
            steps[..<later].filter { $0.overlaps(steps[later]) }.map { ($0, steps[later]) }
        }
    }
}
