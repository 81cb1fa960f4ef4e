import ModelGraph

/// What tensors become.
extension EntropyCodedRun {
    /// The tensors' payloads with what the last round made, and the order-0 bits of each.
    func payloads() throws -> [(payload: Payload, bits: Double)] { try payloads(rounded) }

    /// The same with what was kept; rounded once more where only the codes' numbers are known.
    func keptPayloads() throws -> [(payload: Payload, bits: Double)] {
        try makeKeptCodes()
        return try payloads(kept)
    }

    /// Each rank makes its own; all have them.
    private func payloads(_ rounded: [CodedMatrix.Rounded?]) throws -> [(payload: Payload, bits: Double)] {
        var next = 0
        var bits = [Double](repeating: 0, count: tensors.count)
        var payloads = [Payload?](repeating: nil, count: tensors.count)
        for index in tensors.indices {
            let made = try parts(of: tensors[index]).rebuild(tensors[index].payload) { old in
                let place = next
                next += 1
                guard let made = rounded[place], let matrix = parts[place].matrix else { return old }
                bits[index] += made.bits
                let codes = Payload.quantized(try made.tensor(shape: parts[place].shape, groupSize: matrix.groupSize))
                guard let leading = matrix.values.leading else { return codes }
                bits[index] += LeadingComponents.bits(of: leading)
                return .composite([.lowRank(leading), codes])
            }
            if owners[index] == context.ensemble.rank { payloads[index] = made }
        }
        try context.exchange(tensors, owners, &payloads)
        let all = try context.numbers(owners, each: 1) { [bits[$0]] }
        return zip(payloads.compactMap { $0 }, all).map { ($0, $1[0]) }
    }
}
