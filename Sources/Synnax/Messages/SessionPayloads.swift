package struct ProofPayload: Codable, Sendable {
  package var username: String?
  package var password: String?
  package var method: String?

  package init(username: String, password: String, method: String? = nil) {
    self.username = username
    self.password = password
    self.method = method
  }
}

/// `/auth/session/create` of 0.60.
package struct SessionCreatePayload: Codable, Sendable {
  package var proof: ProofPayload?
  package init(_ proof: ProofPayload) { self.proof = proof }
}

package struct SessionPayload: Codable, Sendable, Hashable {
  package struct Subject: Codable, Sendable, Hashable {
    package var type: String
    package var key: String
  }
  package var key: String
  package var subject: Subject?
  package var credential: String?
  package var lastActive: Wide?

  enum CodingKeys: String, CodingKey {
    case key, subject, credential
    case lastActive = "last_active"
  }

  package init(key: String, user: String, credential: String, lastActive: Int64) {
    self.key = key
    subject = Subject(type: "user", key: user)
    self.credential = credential
    self.lastActive = Wide(lastActive)
  }
}

package struct UserPayload: Codable, Sendable, Hashable {
  package var key: String
  package var username: String
  package var firstName: String?
  package var lastName: String?
  package var rootUser: Bool?

  enum CodingKeys: String, CodingKey {
    case key, username
    case firstName = "first_name"
    case lastName = "last_name"
    case rootUser = "root_user"
  }

  package init(key: String, username: String) {
    self.key = key
    self.username = username
    (firstName, lastName, rootUser) = ("", "", true)
  }
}

/// The answer to a log-in, of both kinds.
package struct LoginAnswerPayload: Codable, Sendable {
  package var token: String
  package var session: SessionPayload?
  package var user: UserPayload?
  package var clusterInfo: ClusterPayload?

  enum CodingKeys: String, CodingKey {
    case token, session, user
    case clusterInfo = "cluster_info"
  }

  package init(
    token: String, session: SessionPayload? = nil, user: UserPayload? = nil,
    clusterInfo: ClusterPayload? = nil
  ) {
    self.token = token
    self.session = session
    self.user = user
    self.clusterInfo = clusterInfo
  }
}

/// What a core says about itself (protocol, section 6).
package struct ClusterPayload: Codable, Sendable, Hashable {
  package var clusterKey: String?
  package var nodeVersion: String?
  package var nodeKey: Int?
  package var nodeTime: Wide?
  package var license: String?

  enum CodingKeys: String, CodingKey {
    case license
    case clusterKey = "cluster_key"
    case nodeVersion = "node_version"
    case nodeKey = "node_key"
    case nodeTime = "node_time"
  }

  package init(clusterKey: String, nodeVersion: String, nodeTime: Int64, license: String?) {
    self.clusterKey = clusterKey
    self.nodeVersion = nodeVersion
    nodeKey = 1
    self.nodeTime = Wide(nodeTime)
    self.license = license
  }
}

package struct KeysPayload: Codable, Sendable {
  package var keys: [String]?
  package init(_ keys: [String]) { self.keys = keys }
}

package struct EmptyPayload: Codable, Sendable { package init() {} }
