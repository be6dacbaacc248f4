import time

import pytest


@pytest.fixture(scope="module")
def cloud_map(checked):
    return checked("servicediscovery")


@pytest.fixture(scope="module")
def namespace(cloud_map):
    assert cloud_map.create_private_dns_namespace(Name="internal.example", Vpc="vpc-1")["OperationId"]
    return cloud_map.list_namespaces(Filters=named("internal.example"))["Namespaces"][0]["Id"]


def named(name):
    return [{"Name": "NAME", "Values": [name], "Condition": "EQ"}]


def test_namespaces_are_found_by_name(cloud_map, namespace, fails):
    assert fails(cloud_map.create_private_dns_namespace, Name="internal.example", Vpc="vpc-1") == "NamespaceAlreadyExists"
    found = cloud_map.list_namespaces(Filters=named("internal.example"))["Namespaces"]
    assert [(each["Id"], each["Type"]) for each in found] == [(namespace, "DNS_PRIVATE")]
    assert cloud_map.get_namespace(Id=namespace)["Namespace"]["Properties"]["DnsProperties"]["HostedZoneId"]
    assert fails(cloud_map.get_namespace, Id="ns-never") == "NamespaceNotFound"


def test_running_tasks_are_the_instances_of_a_service(cloud_map, namespace, checked, fails):
    records = {"DnsRecords": [{"Type": "SRV", "TTL": 10}]}
    assert fails(cloud_map.create_service, Name="hello", NamespaceId="ns-absent", DnsConfig=records) == "NamespaceNotFound"
    wanted = {"Name": "hello", "NamespaceId": namespace, "DnsConfig": records, "HealthCheckCustomConfig": {"FailureThreshold": 1}}
    service = cloud_map.create_service(**wanted, Tags=[{"Key": "a", "Value": "b"}])["Service"]
    assert fails(cloud_map.create_service, **wanted) == "ServiceAlreadyExists"
    within = [{"Name": "NAMESPACE_ID", "Values": [namespace], "Condition": "EQ"}]
    assert [each["Arn"] for each in cloud_map.list_services(Filters=within)["Services"]] == [service["Arn"]]

    ecs = checked("ecs")
    ecs.create_cluster(clusterName="mapped")
    container = {"name": "web", "image": "somewhere/else", "memory": 64, "portMappings": [{"containerPort": 80}]}
    ecs.register_task_definition(family="mapped", containerDefinitions=[container])
    registry = {"registryArn": service["Arn"], "containerName": "web", "containerPort": 80}
    ecs.create_service(cluster="mapped", serviceName="hello", taskDefinition="mapped", desiredCount=1, serviceRegistries=[registry])
    deadline = time.monotonic() + 20
    while cloud_map.get_service(Id=service["Id"])["Service"]["InstanceCount"] != 1:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert fails(cloud_map.delete_service, Id=service["Id"]) == "ResourceInUse"
    ecs.delete_service(cluster="mapped", service="hello", force=True)
    while cloud_map.get_service(Id=service["Id"])["Service"]["InstanceCount"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    cloud_map.delete_service(Id=service["Id"])
    assert fails(cloud_map.get_service, Id=service["Id"]) == "ServiceNotFound"
