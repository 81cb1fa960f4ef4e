import CCapletPlugin

/// The pass with its options set: an instance as `create` makes it.
final class SpectralPass {
    private let rank: Int
    private let keep: Double
    private let iterations: Int

    /// What the pass is called, takes and does. Lives as long as the process.
    static func declaration() -> UnsafePointer<caplet_pass> {
        let options = UnsafeMutablePointer<caplet_option>.allocate(capacity: 3)
        options[0] = option("rank", "leading singular directions to keep", "4", CAPLET_OPTION_INTEGER, 0, 4096)
        options[1] = option("keep", "share of the matrix's parameters to keep, directions included", "0.5", CAPLET_OPTION_NUMBER, 0, 1)
        options[2] = option("iterations", "steps of subspace iteration", "8", CAPLET_OPTION_INTEGER, 1, 1000)
        let pass = UnsafeMutablePointer<caplet_pass>.allocate(capacity: 1)
        var contents = caplet_pass()
        contents.struct_size = UInt32(MemoryLayout<caplet_pass>.size)
        contents.inputs = UInt32(CAPLET_INPUTS_USED)
        contents.name = constant("spectral-split")
        contents.summary = constant("the strongest singular directions, and the largest entries of what is left")
        contents.options = UnsafePointer(options)
        contents.option_count = 3
        contents.create = { _, host, settings, count, instance in
            guard let settings, count == 3 else { return caplet_status(CAPLET_INTERNAL) }
            let made = SpectralPass(rank: Int(settings[0].number), keep: settings[1].number, iterations: Int(settings[2].number))
            instance?.pointee = Unmanaged.passRetained(made).toOpaque()
            return caplet_status(CAPLET_OK)
        }
        contents.transform = { instance, host, layer, parts in
            guard let instance, let host, let layer, let parts else { return caplet_status(CAPLET_INTERNAL) }
            return Unmanaged<SpectralPass>.fromOpaque(instance).takeUnretainedValue().transform(host, layer.pointee, parts)
        }
        contents.destroy = { instance in
            if let instance { Unmanaged<SpectralPass>.fromOpaque(instance).release() }
        }
        pass.initialize(to: contents)
        return UnsafePointer(pass)
    }

    private static func option(
        _ name: StaticString, _ summary: StaticString, _ value: StaticString, _ kind: Int, _ minimum: Double,
        _ maximum: Double
    ) -> caplet_option {
        var option = caplet_option()
        option.name = constant(name)
        option.summary = constant(summary)
        option.default_value = constant(value)
        option.kind = UInt32(kind)
        option.minimum = minimum
        option.maximum = maximum
        return option
    }

    /// A text of the program's own, which ends with a zero byte as C wants it.
    static func constant(_ text: StaticString) -> UnsafePointer<CChar> {
        UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
    }

    private init(rank: Int, keep: Double, iterations: Int) {
        self.rank = rank
        self.keep = keep
        self.iterations = iterations
    }

    /// Compresses one matrix; several run at a time, and none changes the pass.
    private func transform(
        _ host: UnsafePointer<caplet_host>, _ layer: caplet_layer, _ parts: UnsafePointer<caplet_parts>
    ) -> caplet_status {
        let (rows, columns) = (Int(layer.rows), Int(layer.columns))
        let budget = Int((keep * Double(rows * columns)).rounded(.down))
        guard rank * (rows + columns) <= budget else {
            host.pointee.fail(
                host, nil, "rank=\(rank) takes \(rank * (rows + columns)) parameters of \(rows) × \(columns), keep=\(keep) allows \(budget)"
            )
            return caplet_status(CAPLET_USAGE)
        }
        guard rank <= min(rows, columns) else {
            host.pointee.fail(host, nil, "rank=\(rank) is more than a matrix of \(rows) × \(columns) has")
            return caplet_status(CAPLET_USAGE)
        }
        // The root mean square of each input; the same for all where nothing is known of them.
        let scales = (0..<columns).map { column in
            layer.second_moment.map { max($0[column * columns + column].squareRoot(), 1e-6) } ?? 1
        }
        let weight = Array(UnsafeBufferPointer(start: layer.weight, count: rows * columns))
        var split = SpectralSplit(weight, rows: rows, columns: columns, scales: scales)
        for step in 0..<(rank > 0 ? iterations : 0) {
            if host.pointee.is_cancelled(host) != 0 { return caplet_status(CAPLET_CANCELLED) }
            host.pointee.progress(host, UInt64(step), UInt64(iterations), nil)
            split.iterate(rank: rank, seed: layer.seed)
        }
        if rank > 0 {
            let (u, v) = split.factors
            parts.pointee.add_low_rank(parts, UInt64(rank), u, v)
        }
        let entries = budget - rank * (rows + columns)
        parts.pointee.add_sparse(parts, split.largestRest(entries))
        return caplet_status(CAPLET_OK)
    }
}
