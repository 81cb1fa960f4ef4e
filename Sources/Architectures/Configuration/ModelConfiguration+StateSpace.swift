import StrictJSON

/// What config.json of a family of state spaces has, and what it is where the file is silent.
package struct StateSpaceKeys: Sendable {
    package var kind: StateSpace.Kind
    package var defaultStateSize: Int
    /// Whether B, C and what time steps are made of are divided by their root mean squares.
    package var normalises = false

    /// The keys that are read.
    var names: [String] {
        let own =
            kind == .selective
            ? ["intermediate_size", "time_step_rank"] : ["num_heads", "head_dim", "n_groups", "time_step_limit"]
        return ["state_size", "conv_kernel", "expand"] + own + (normalises ? ["mixer_rms_eps"] : [])
    }
}

extension ModelConfiguration {
    /// - Throws: `ConfigurationError` for sizes that contradict each other, or that are none.
    mutating func readStateSpace(_ json: JSONValue, _ keys: StateSpaceKeys) throws {
        func size(_ key: String, _ usual: Int) throws -> Int {
            guard let value = json.object?[key], value != .null else { return usual }
            guard let number = value.integer else { throw ConfigurationError("\(key) is no integer") }
            return number
        }
        let expanded = (json["expand"]?.number ?? 2) * Double(hiddenSize)
        guard expanded >= 1, expanded <= Double(ModelConfiguration.maximumDimension) else {
            throw ConfigurationError("expand is \(json["expand"]?.number ?? 2), of a hidden_size of \(hiddenSize)")
        }
        let (stateSize, kernelSize) = (try size("state_size", keys.defaultStateSize), try size("conv_kernel", 4))
        switch keys.kind {
        case .selective:
            let inner = try size("intermediate_size", Int(expanded))
            var space = StateSpace(kind: .selective, innerSize: inner, stateSize: stateSize, kernelSize: kernelSize, headCount: inner)
            space.rank =
                json["time_step_rank"]?.string == "auto" ? (hiddenSize + 15) / 16 : try size("time_step_rank", (hiddenSize + 15) / 16)
            if keys.normalises { space.mixerEpsilon = json["mixer_rms_eps"]?.number ?? 1e-6 }
            stateSpace = space
        case .heads:
            let (heads, width) = (try size("num_heads", 128), try size("head_dim", 64))
            guard heads > 0, heads <= ModelConfiguration.maximumDimension, width > 0, width <= ModelConfiguration.maximumDimension,
                heads * width == Int(expanded)
            else { throw ConfigurationError("num_heads \(heads) of head_dim \(width) are not expand times hidden_size, \(expanded)") }
            var space = StateSpace(
                kind: .heads, innerSize: heads * width, stateSize: stateSize, kernelSize: kernelSize, headCount: heads)
            space.groupCount = try size("n_groups", 8)
            if let limits = json["time_step_limit"], limits != .null {
                let numbers = limits.array?.map(ModelConfiguration.limit)
                guard let numbers, numbers.count == 2, let least = numbers[0], let most = numbers[1] else {
                    throw ConfigurationError("time_step_limit is no pair of numbers")
                }
                // None is less than 0.
                (space.leastStep, space.mostStep) = (max(least, 0), most)
            }
            stateSpace = space
        }
    }

    /// A number, or infinity in one of the ways that it is written in.
    private static func limit(_ value: JSONValue) -> Double? {
        value.number ?? ((value["__float__"]?.string ?? value.string) == "Infinity" ? .infinity : nil)
    }

    var stateSpaceMembers: [(key: String, value: JSONValue)] {
        guard let space = stateSpace, let keys = family?.keys.stateSpace else { return [] }
        let expand = Double(space.innerSize) / Double(hiddenSize)
        var members: [(key: String, value: JSONValue)] = [
            ("state_size", .integer(space.stateSize)), ("conv_kernel", .integer(space.kernelSize)),
            ("expand", Int(exactly: expand).map(JSONValue.integer) ?? .number(expand)),
        ]
        switch space.kind {
        case .selective:
            // Where both are there the size is what counts.
            if Int(exactly: expand) == nil { members[2].value = .integer(2) }
            members += [("intermediate_size", .integer(space.innerSize)), ("time_step_rank", .integer(space.rank))]
            if keys.normalises { members.append(("mixer_rms_eps", .number(space.mixerEpsilon ?? 1e-6))) }
        case .heads:
            members += [
                ("num_heads", .integer(space.headCount)), ("head_dim", .integer(space.headSize)), ("n_groups", .integer(space.groupCount)),
            ]
            if space.leastStep > 0 || space.mostStep < .infinity {
                let most: JSONValue =
                    space.mostStep < .infinity ? .number(space.mostStep) : .object(JSONObject([("__float__", .string("Infinity"))]))
                members.append(("time_step_limit", .array([.number(space.leastStep), most])))
            }
        }
        return members
    }
}
